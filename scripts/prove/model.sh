#!/usr/bin/env bash
# The engine against the model of it, by stories that nobody knows: `crates/changeover/tests/model`. The ordinary tests tell
# forty, always the same. MODEL_STORIES=… changes how many, MODEL_SEED=… repeats a run's chance.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/../packages.sh"
cd "$root"

export MODEL_STORIES=${MODEL_STORIES:-400} MODEL_SEED=${MODEL_SEED:-$SRANDOM}
echo "MODEL_STORIES=$MODEL_STORIES MODEL_SEED=$MODEL_SEED"
exec timeout --kill-after=5 900 cargo test --package changeover --test model --locked -- the_engine_does_what_the_model_says
