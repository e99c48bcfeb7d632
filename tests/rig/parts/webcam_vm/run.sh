#!/usr/bin/env bash
# Runs a script as root in the machine with a webcam, beside a real /dev/video0. It sees this machine's files, and
# writes to memory only. Its output comes through, and so does its exit status.
#
# usage: run.sh FOLDER /absolute/path/of/script.sh [SECONDS]     FOLDER as for setup.sh
set -euo pipefail

folder=$(cd "${1:?usage: run.sh FOLDER SCRIPT [SECONDS]}" && pwd)
script=${2:?usage: run.sh FOLDER SCRIPT [SECONDS]}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# no_timer_check: on a machine with other work the emulated timer is late, which the kernel takes for a broken one.
timeout "${3:-300}" qemu-system-x86_64 \
    -accel tcg,thread=multi -cpu max -smp 2 -m 2048 -nographic -no-reboot -nodefaults -serial stdio -nic none \
    -kernel "$folder/vmlinuz" -initrd "$folder/initrd.gz" -device virtio-rng-pci \
    -fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap \
    -device virtio-9p-pci,fsdev=host,mount_tag=host \
    -append "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check script=$script" 2>&1 | tee "$log" || true
status=$(sed -n 's/.*GUEST-STATUS=\([0-9]*\).*/\1/p' "$log" | tail -1)
exit "${status:-125}"
