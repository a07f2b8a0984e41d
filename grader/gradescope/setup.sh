#!/usr/bin/env bash
# Run once, as root, when the image of the autograder is made; later there need be no network.
#
# GRADER_WHEELS names a folder with all wheels, pip among them, where the image has no network.
set -euo pipefail

project=/autograder/source/project
venv=/opt/grader

newest_python() {
    local name
    for name in python3.14 python3.13 python3.12 python3.11 python3; do
        if command -v "$name" > /dev/null &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            command -v "$name"
            return
        fi
    done
    return 1
}

if [ -n "${GRADER_WHEELS:-}" ]; then
    python=$(newest_python)
    "$python" -m venv --without-pip "$venv"
    pip=("$venv/bin/python" "$(echo "$GRADER_WHEELS"/pip-*.whl)/pip")
    index=(--no-index --find-links "$GRADER_WHEELS")
else
    export DEBIAN_FRONTEND=noninteractive
    apt-get update
    if ! python=$(newest_python); then
        apt-get install -y --no-install-recommends python3.12 ||
            apt-get install -y --no-install-recommends python3.11
        python=$(newest_python)
    fi
    apt-get install -y --no-install-recommends util-linux "$(basename "$(readlink -f "$python")")-venv"
    "$python" -m venv "$venv"
    pip=("$venv/bin/python" -m pip)
    # Builds of torch for the CPU: those of the usual index bring gigabytes for GPUs.
    index=(--extra-index-url https://download.pytorch.org/whl/cpu)
fi

"${pip[@]}" install --quiet --no-cache-dir --root-user-action=ignore "${index[@]}" \
    -r "$project/requirements.txt" -c "$project/constraints.txt"

# Everybody may read the libraries, and nobody but root the project.
MPLCONFIGDIR="$venv/matplotlib" MPLBACKEND=Agg "$venv/bin/python" -B -c 'import matplotlib.pyplot'
chmod -R a+rX "$venv"
"$venv/bin/python" -m compileall -q "$project/grader"
chmod 700 /autograder/source
