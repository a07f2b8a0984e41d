#!/bin/sh
# ./run.sh num_layers=2 [data=DIR out=FILE]
cd "$(dirname "$0")" || exit 1
exec python train.py "$@"
