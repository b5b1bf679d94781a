#!/usr/bin/env bash
# Agents of a W&B sweep under SLURM, one GPU each, any number at a time:
#
#   wandb sweep --project hemblip configs/sweeps/blip_lora.yaml        # prints the id
#   sbatch --array 1-8 experiments/cluster/slurm_sweep.sh <entity>/hemblip/<id>
#
# WANDB_API_KEY has to be set, or `wandb login` done once. With RUNS=5 each ends after 5 trials.
#SBATCH --job-name=hemblip-sweep
#SBATCH --time=24:00:00
#SBATCH --nodes=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --output=slurm-%x-%A_%a.out
set -euo pipefail

sweep=${1:?usage: sbatch --array 1-8 slurm_sweep.sh ENTITY/PROJECT/SWEEP}

# shellcheck source=/dev/null
source "${VENV:-.venv}/bin/activate"
wandb agent ${RUNS:+--count "$RUNS"} "$sweep"
