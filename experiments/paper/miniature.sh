#!/usr/bin/env bash
# The same steps on built-in cells with compact models: no download, no GPU, about 12 minutes on 2 cores.
# Started again after an interruption, it goes on where it was. Settings that are given (--data.init_args.limit 64) are
# for fit, validate and test.
set -euo pipefail
cd "$(dirname "$0")/../.."
hemblip() { .venv/bin/python -m hemblip "$@"; }

for model in smoke medgemma_smoke; do
    run=runs/$model/version_0
    config=(--config "configs/$model.yaml" "$@")
    best=(--ckpt_path "$run/checkpoints/best.ckpt")
    [ -f "$run/finished" ] || hemblip fit "${config[@]}" --resume true
    touch "$run/finished"
    [ -f "$run/predictions/val.parquet" ] || hemblip validate "${config[@]}" "${best[@]}"
    [ -f "$run/predictions/test.parquet" ] || hemblip test "${config[@]}" "${best[@]}"
    [ -f "$run/predictions/external.parquet" ] ||
        hemblip test --config "configs/$model.yaml" --data configs/parts/synthetic_external.yaml "$@" "${best[@]}"
done

[ -f runs/probe/version_0/table3.csv ] || hemblip probe --config configs/probe/demo.yaml

hemblip compare runs/smoke runs/medgemma_smoke runs/probe --output runs/miniature --bertscore all-MiniLM-L6-v2
