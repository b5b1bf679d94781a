#!/bin/sh
# Measures describing and training on a GPU, in under four minutes. The table is printed, and written to $OUT/gpu.md if OUT is set.
set -e
here=$(dirname "$0")
PYTHONPATH="$here/../..${PYTHONPATH:+:$PYTHONPATH}" exec "${PYTHON:-python3}" "$here/gpu.py" "$@"
