#!/usr/bin/env bash
# One training on several machines under SLURM, by Lightning's own launcher:
#
#   sbatch --nodes 2 --gpus-per-node 4 --ntasks-per-node 4 experiments/cluster/slurm.sh configs/blip_full.yaml --name blip_full_8gpu
#
# One task a GPU. Words after the config go to `fit`. With --resume all tasks agree on the run folder, and a job that was
# stopped and put back into the queue goes on from its last resume point.
#SBATCH --job-name=hemblip
#SBATCH --time=24:00:00
#SBATCH --cpus-per-task=8
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=slurm-%x-%j.out
set -euo pipefail

config=${1:?usage: sbatch [options] slurm.sh CONFIG.yaml [--key value ...]}
shift
overlay=${OVERLAY:-experiments/cluster/ddp.yaml}
tasks=${SLURM_NTASKS_PER_NODE:?start it with sbatch and --ntasks-per-node}

export NCCL_DEBUG=${NCCL_DEBUG:-WARN}
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}

srun --kill-on-bad-exit=1 "${PYTHON:-.venv/bin/python}" -m hemblip fit \
    --config "$config" --config "$overlay" \
    --trainer.num_nodes "$SLURM_JOB_NUM_NODES" --trainer.devices "$tasks" \
    --resume true "$@"
