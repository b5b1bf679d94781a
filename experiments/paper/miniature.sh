#!/usr/bin/env bash
# The same steps on built-in cells with compact models: no download, no GPU, about 12 minutes on 2 cores.
set -euo pipefail
cd "$(dirname "$0")/../.."
hemblip() { .venv/bin/python -m hemblip "$@"; }

for model in smoke medgemma_smoke; do
    run=runs/$model/version_0
    [ -f "$run/checkpoints/best.ckpt" ] || hemblip fit --config "configs/$model.yaml"
    [ -f "$run/predictions/test.parquet" ] ||
        hemblip test --config "configs/$model.yaml" --ckpt_path "$run/checkpoints/best.ckpt"
    [ -f "$run/predictions/external.parquet" ] ||
        hemblip test --config "configs/$model.yaml" --data configs/data/synthetic_external.yaml --ckpt_path "$run/checkpoints/best.ckpt"
done

[ -f runs/probe/version_0/table3.csv ] || hemblip probe --config configs/probe.yaml

hemblip compare runs/smoke runs/medgemma_smoke runs/probe --output runs/miniature
