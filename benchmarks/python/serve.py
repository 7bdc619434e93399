"""Answers a benchmark over stdin and stdout, one JSON text a line.

    {"prepare": {...}}  ->  {"ready": "what runs"}      builds the step and warms it up
    {"round": 10}       ->  {"msPerStep": 12.3}         runs so many steps
"""

import json
import sys
import time

WARM_UP_STEPS = 5


def serve(prepare):
    """`prepare(settings)` returns a function that takes one step and waits for its loss, and its name."""
    # What libraries print must not come between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    step = None
    clock = time.perf_counter
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if 'prepare' in request:
                step, name = prepare(request['prepare'])
                # The time of the process on all its threads, which other processes hardly change.
                clock = time.process_time if request['prepare'].get('isCpuTime') else time.perf_counter
                for _ in range(WARM_UP_STEPS):
                    step()
                answer = {'ready': name}
            else:
                began = clock()
                for _ in range(request['round']):
                    step()
                answer = {'msPerStep': 1000 * (clock() - began) / request['round']}
        except Exception as error:  # noqa: BLE001: the other side reports it
            answer = {'error': f'{type(error).__name__}: {error}'}
        print(json.dumps(answer), file=answers, flush=True)
