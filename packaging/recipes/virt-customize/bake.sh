#!/bin/sh
# Puts tsagent into a disk image that exists already, without booting it:
#
#     bake.sh IMAGE PACKAGE [AGENT.YAML [GPU...]]
#
# IMAGE is a disk image of any format that QEMU knows, PACKAGE a .deb or .rpm of tsagent (or a name, which the
# image's own repositories have). AGENT.YAML becomes a drop-in of the image's configuration; for each GPU model
# (A100, V100 …) the driver's packages are downloaded into the image.
#
# Needs virt-customize (guestfs-tools). With a package file whose dependencies the image has already, no
# network is needed: say VIRT_CUSTOMIZE_OPTIONS=--no-network.
set -eu

if [ $# -lt 2 ]; then
  echo "usage: bake.sh IMAGE PACKAGE [AGENT.YAML [GPU...]]" >&2
  exit 64
fi
image=$1 package=$2 config=${3:-}
gpus=''
if [ $# -gt 3 ]; then
  shift 3
  for model; do
    gpus="$gpus --gpu $model"
  done
fi

# virt-customize runs its options in their order.
set --
case $package in
  *.deb | *.rpm)
    name=${package##*/}
    set -- --upload "$package:/var/tmp/$name"
    # apt-get, dnf and yum all take the path of a file, and install what it needs from the repositories.
    what=/var/tmp/$name
    ;;
  *)
    name='' what=$package
    ;;
esac
set -- "$@" --run-command "
  if command -v apt-get >/dev/null; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $what
  elif command -v dnf >/dev/null; then
    dnf -y install $what
  else
    yum -y install $what
  fi"
[ -z "$name" ] || set -- "$@" --delete "/var/tmp/$name"
if [ -n "$config" ]; then
  set -- "$@" --mkdir /etc/tsagent/agent.d --upload "$config:/etc/tsagent/agent.d/10-image.yaml" \
    --chmod 0644:/etc/tsagent/agent.d/10-image.yaml
fi
[ -z "$gpus" ] || set -- "$@" --run-command "tsagent bake$gpus"

# clean last: virt-customize itself leaves a random seed and a machine-id, which go, too.
# shellcheck disable=SC2086 # options, split on purpose
exec virt-customize ${VIRT_CUSTOMIZE_OPTIONS:-} --add "$image" "$@" \
  --run-command 'tsagent clean --machine-id --logs' --selinux-relabel
