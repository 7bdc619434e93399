"""Worker of TensorFlow for Python, beside one of Node: python mixed.py KEY [COUNT]. TF_CONFIG says where they are."""

import sys

import tensorflow as tf
from tensorflow.core.protobuf import tensorflow_server_pb2
from tensorflow.python.eager import context

key = int(sys.argv[1])
resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
leader = "/job:worker/replica:0/task:0"
server = tensorflow_server_pb2.ServerDef(
    cluster=resolver.cluster_spec().as_cluster_def(),
    job_name="worker",
    task_index=resolver.task_id,
    protocol="grpc",
)
server.default_session_config.experimental.collective_group_leader = leader
context.context().configure_collective_ops(collective_leader=leader)
context.context().enable_collective_ops(server)


@tf.function
def reduce(tensor):
    return tf.raw_ops.CollectiveReduce(
        input=tensor,
        group_size=resolver.cluster_spec().num_tasks("worker"),
        group_key=1,
        instance_key=key,
        merge_op="Add",
        final_op="Id",
        subdiv_offsets=[0],
        timeout_seconds=60,
    )


for i in range(3):
    print("python", tf.__version__, reduce(tf.constant([1.0, 2.0, 3.0]) * (i + 1)).numpy().tolist(), flush=True)
