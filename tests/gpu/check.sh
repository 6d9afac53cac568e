#!/usr/bin/env bash
# Checks and measures what runs on a GPU:
#   1. the tests that need one;
#   2. the evaluator beside transformers' loop and its careful version, in float32 and bfloat16 (random weights);
#   3. a study on two replicas that share the GPU.
#
# Usage: tests/gpu/check.sh [cuda|cpu] [FOLDER]
#
# FOLDER receives bench-gpu.json, the study's results and a log of each part. `cpu` runs the same with small models, so
# that the script itself can be tried anywhere. PYTHON names the interpreter, .venv/bin/python otherwise.
# The script ends with an error if one of its parts did; the others still run.
set -uo pipefail
cd "$(dirname "$0")/../.."

device=${1:-cuda}
folder=${2:-$(mktemp -d)}
python=${PYTHON:-.venv/bin/python}
failed=()

case $device in
  cuda) models=roberta-large,gpt2-xl,llama-8b-quarter gpus=0.5 ;;
  cpu) models=mini-roberta,mini-llama gpus=0 ;;
  *) echo "the device must be cuda or cpu, but is $device" >&2; exit 2 ;;
esac
mkdir -p "$folder"
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} PYTHONPATH="platform${PYTHONPATH:+:$PYTHONPATH}"

part() {
  local name=$1 started=$SECONDS
  shift
  echo "== $name: $*"
  "$@" 2>"$folder/$name.err" | tee "$folder/$name.log" || failed+=("$name")
  [ "${failed[*]: -1}" != "$name" ] || tail -20 "$folder/$name.err" >&2
  echo "== $name took $((SECONDS - started)) s"
}

zostudy() { "$python" -m zostudy "$@"; }

[ "$device" = cpu ] || nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv
part tests "$python" -m pytest -p no:cacheprovider -m gpu tests/lm/test_families.py tests/bench/test_reference.py
part bench zostudy bench --only evaluator --device "$device" --models "$models" --format markdown \
  --output "$folder/bench-gpu.json"
part study zostudy run quickstart --results "$folder/study" --set name=gpu-check --set replicas=2 \
  --set "resources.gpus=$gpus" --set imbalance.ratios=[10] --set 'methods=[untuned,bpt-fzg,zosa]' \
  --set search.trials=0 --set confirm.seeds=2
part compare zostudy compare "$folder/study/gpu-check"

echo "everything is in $folder"
[ ${#failed[@]} = 0 ] || { echo "failed: ${failed[*]}" >&2; exit 1; }
