#!/usr/bin/env bash
# From the trained demo (runs/demo/version_0): one more epoch of cross-entropy, and one with rewards.
set -euo pipefail
python -m hemblip export --run runs/demo/version_0 --output runs/demo_weights
more=(--config configs/smoke.yaml --model.init_args.pretrained runs/demo_weights --model.init_args.compact null
    --model.init_args.learning_rate 2e-4 --model.init_args.warmup 0 --trainer.max_epochs 1 --trainer.check_val_every_n_epoch 1)
python -m hemblip fit "${more[@]}" --name rewards --model.init_args.rewards.samples 4
python -m hemblip test --run runs/rewards
python -m hemblip fit "${more[@]}" --name more
python -m hemblip test --run runs/more
python experiments/rewards/measure.py runs/demo/version_0 runs/more/version_0 runs/rewards/version_0
