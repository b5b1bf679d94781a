#!/usr/bin/env bash
# One training on several machines without SLURM: the same line on each machine, but for NODE.
#
#   NODES=2 NODE=0 DEVICES=4 HEAD=node0:29400 experiments/cluster/torchrun.sh configs/blip_full.yaml --name blip_full_8gpu
#   NODES=2 NODE=1 DEVICES=4 HEAD=node0:29400 experiments/cluster/torchrun.sh configs/blip_full.yaml --name blip_full_8gpu
#
# HEAD is the machine with NODE=0. The folder of the project, or at least runs/, is one that all machines share. Words after
# the config go to `fit`. With --resume all machines agree on the run folder; the same lines again go on with the run.
set -euo pipefail

config=${1:?usage: NODES=2 NODE=0 DEVICES=4 HEAD=host:port torchrun.sh CONFIG.yaml [--key value ...]}
shift
nodes=${NODES:-1}
devices=${DEVICES:-1}
head=${HEAD:-127.0.0.1:29400}
overlay=${OVERLAY:-$(dirname "$0")/ddp.yaml}

export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

exec "${PYTHON:-.venv/bin/python}" -m torch.distributed.run \
    --nnodes "$nodes" --node-rank "${NODE:-0}" --nproc-per-node "$devices" \
    --master-addr "${head%:*}" --master-port "${head##*:}" \
    -m hemblip fit --config "$config" --config "$overlay" \
    --trainer.num_nodes "$nodes" --trainer.devices "$devices" \
    --resume true "$@"
