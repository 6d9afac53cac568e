#!/bin/bash
# A study on SLURM: Ray starts on every node of the job, the first node drives the study, and Ray ends with it.
# zostudy must be installed in a virtual environment that every node sees. From the folder of that environment:
#
#   sbatch --export=ALL,ZOSTUDY_RESULTS=s3://bucket/studies platform/deploy/slurm.sh quickstart
#   sbatch --nodes=8 --export=ALL,ZOSTUDY_RESULTS=/shared/studies platform/deploy/slurm.sh study.yaml --set replicas=64
#
# What follows the script's name are the arguments of zostudy run. A job that ran out of time goes on where it stopped
# when it is submitted again. On one node no script is needed: srun zostudy run quickstart. On nodes with GPUs, ask for
# them, such as --gpus-per-node=1, and let the study take one a replica: resources: {gpus: 1}.
#SBATCH --job-name=zostudy
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --exclusive
#SBATCH --time=08:00:00
#SBATCH --output=zostudy-%j.log
set -euo pipefail

: "${ZOSTUDY_RESULTS:?a path that every node sees, or s3://bucket/path}"
source "${ZOSTUDY_VENV:-.venv}/bin/activate"

export RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=300 RAY_USAGE_STATS_ENABLED=0

nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes%%$'\n'*}
address=$head:$((20000 + SLURM_JOB_ID % 10000))

exec srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" --cpus-per-task="$SLURM_CPUS_PER_TASK" \
  ray symmetric-run --address "$address" --min-nodes "$SLURM_JOB_NUM_NODES" --num-cpus "$SLURM_CPUS_PER_TASK" \
  --num-gpus "${SLURM_GPUS_ON_NODE:-0}" -- \
  zostudy run "$@" --address "$address"
