"""Unpacks the C libraries and headers of a TensorFlow wheel: python unpack.py WHEEL FOLDER

Nothing is written outside FOLDER: an entry that is absolute, leaves the folder or is a link ends the run.
"""

import os
import re
import shutil
import stat
import sys
import zipfile

KEPT = re.compile(
    r"tensorflow/libtensorflow_(cc|framework)\.(so\.\d+|\d+\.dylib)"
    r"|tensorflow/include/(tensorflow/c|tensorflow/core/platform|tsl/platform|xla/tsl/c)/.*\.(h|inc)"
    r"|nvidia/[^/]+/lib/[^/]+\.so[.\d]*"
    r"|nvidia/cuda_nvcc/(bin/(ptxas|fatbinary|nvlink)|nvvm/libdevice/[^/]+)"
    r"|[^/]+\.dist-info/(licenses/)?(LICENSE|NOTICE)[^/]*"
)


def unpack(wheel, folder):
    root = os.path.realpath(folder)
    kept = 0
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            target = os.path.realpath(os.path.join(root, entry.filename))
            is_link = stat.S_ISLNK(entry.external_attr >> 16)
            if is_link or "\\" in entry.filename or not target.startswith(root + os.sep):
                sys.exit(f"refused: {entry.filename!r} would be written outside the folder")
            if entry.is_dir() or not KEPT.fullmatch(entry.filename):
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with archive.open(entry) as source, open(target, "xb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
            if entry.external_attr >> 16 & stat.S_IXUSR:
                os.chmod(target, 0o755)
            kept += 1
    if kept == 0:
        sys.exit(f"{wheel} holds nothing that is needed")


if __name__ == "__main__":
    unpack(sys.argv[1], sys.argv[2])
