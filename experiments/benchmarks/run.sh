#!/bin/sh
# Runs the paired benchmarks of captioners. On a CPU: OMP_NUM_THREADS=1 sh experiments/benchmarks/run.sh
# On a GPU, in under ten minutes: sh experiments/benchmarks/run.sh --repeats 5
set -e
here=$(dirname "$0")
for cells in 4 16; do
    python "$here/decoding.py" --cells $cells "$@"
done
python "$here/training.py" --cells 4 "$@"
