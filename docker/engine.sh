# shellcheck shell=bash
# The engine that docker/test.sh runs on: Docker where a daemon answers; elsewhere buildah builds,
# podman with runc runs, and debootstrap makes the base image, all below one directory. To be
# sourced after scripts/setup.sh; needs `work`, that directory.

# What takes Docker's commands (run, exec, inspect ...), with the options that name its directories.
engine=()
buildah=()
driver=""
readonly base_image=docker.io/library/debian:bookworm-slim

choose_engine() {
  # podman may answer by that name too, but neither builds nor checks health as Docker does.
  if docker version >/dev/null 2>&1 && ! docker version 2>&1 | grep -qi podman; then
    engine=(docker)
    note "Docker $(docker version --format '{{.Server.Version}}')"
    return
  fi
  [ "$(id -u)" = 0 ] || fail "no Docker daemon answers, and buildah and podman are used as root here: start Docker, or run this as root."
  check_system
  install_packages "${SIMILE_IMAGE_TEST_PACKAGES[@]}"
  choose_driver
  local storage=(--root "$work/$driver" --runroot "$work/run" --storage-driver "$driver")
  mkdir -p "$work/tmp"
  # buildah's cache mounts lie there too.
  export TMPDIR=$work/tmp
  # The defaults ask for more than a machine without CAP_SYS_RESOURCE may give.
  printf '[containers]\ndefault_ulimits = []\n' >"$work/containers.conf"
  export CONTAINERS_CONF=$work/containers.conf
  # No timers for health checks: there may be no systemd, and health_of runs them.
  export DISABLE_HC_SYSTEMD=true
  buildah=(buildah "${storage[@]}")
  # crun, the default, refuses the mixed hierarchies of cgroups that some machines have.
  engine=(podman "${storage[@]}" --tmpdir "$work/libpod" --cgroup-manager cgroupfs --runtime runc)
  note "no Docker daemon answers: $(buildah --version | cut -d' ' -f1-3), $(podman --version), $(runc --version | head -1), driver $driver"
}

# Overlays where they work. Inside another container they may not, and vfs copies every layer whole.
choose_driver() {
  local needed_mib=7000
  driver=overlay
  if ! buildah --root "${work:?}/probe" --runroot "$work/probe.run" --storage-driver overlay \
    images >/dev/null 2>&1; then
    driver=vfs needed_mib=25000
  fi
  rm -rf "$work/probe" "$work/probe.run"
  [ "$(($(df --output=avail -k "$work" | tail -1) / 1024))" -ge "$needed_mib" ] ||
    fail "$work has less than $needed_mib MiB free, which images take with the driver $driver: make room, or name a larger disk by TMPDIR or --keep."
}

# Where apt gets Debian 12 from: "URI RELEASE" lines.
apt_sources() {
  # shellcheck disable=SC2016  # The names are apt's.
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    sed -n 's/^\(.*\) \(bookworm[a-z-]*\) main$/\1 \2/p' | sort -u
}

# The machine's package sources, proxies and certificates, as files that are mounted during the
# build only: nothing of them gets into an image.
write_apt_configuration() {
  local apt=$work/apt certificates=/etc/ssl/certs/ca-certificates.crt
  rm -rf "$apt"
  mkdir -p "$apt/sources.list.d" "$apt/apt.conf.d/certificates"
  apt_sources | sed 's/^\(.*\) \(.*\)$/deb \1 \2 main/' >"$apt/sources.list.d/machine.list"
  [ -s "$apt/sources.list.d/machine.list" ] ||
    fail "apt on this machine has no source of Debian bookworm main: run apt-get update, or see /etc/apt."
  apt-config dump | grep -E '^Acquire::(https?|ftp|Retries|Check|Languages)' \
    >"$apt/apt.conf.d/90machine" || true
  if [ -f "$certificates" ]; then
    cp "$certificates" "$apt/apt.conf.d/certificates/"
    grep -qi '^Acquire::https::CaInfo' "$apt/apt.conf.d/90machine" ||
      echo 'Acquire::https::CaInfo "/etc/apt/apt.conf.d/certificates/ca-certificates.crt";' \
        >>"$apt/apt.conf.d/90machine"
  fi
}

# What the slim images of Debian leave out, licences excepted.
leave_out_documentation() {
  local root=$1
  printf '%s\n' 'path-exclude /usr/share/doc/*' 'path-include /usr/share/doc/*/copyright' \
    'path-exclude /usr/share/man/*' 'path-exclude /usr/share/info/*' \
    'path-exclude /usr/share/locale/*' 'path-include /usr/share/locale/locale.alias' \
    >"$root/etc/dpkg/dpkg.cfg.d/slim"
  find "$root/usr/share/doc" -type f,l ! -name copyright -delete
  find "$root/usr/share/doc" -type d -empty -delete
  rm -rf "$root"/usr/share/{man,info}/* "$root"/usr/share/locale/*/ \
    "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*
}

# A local image under the name that the Dockerfile begins with.
make_base_image() {
  if "${buildah[@]}" inspect --type image "$base_image" >/dev/null 2>&1; then
    note "the base image is there"
    return
  fi
  local root=$work/rootfs mirror proxy container mounted
  mirror=$(apt_sources | sed -n 's/ bookworm$//p' | head -1)
  proxy=$(apt-config dump --format '%v' Acquire::http::Proxy)
  note "making the base image with debootstrap"
  rm -rf "$root"
  http_proxy=${http_proxy:-$proxy} debootstrap --variant=minbase bookworm "$root" "$mirror" \
    >"$work/debootstrap.log" 2>&1 || {
    tail -5 "$work/debootstrap.log" >&2
    fail "debootstrap could not make a base system: is there a network?"
  }
  : >"$root/etc/apt/sources.list"
  leave_out_documentation "$root"
  container=$("${buildah[@]}" from scratch)
  mounted=$("${buildah[@]}" mount "$container")
  cp -a "$root/." "$mounted/"
  "${buildah[@]}" umount "$container" >/dev/null
  "${buildah[@]}" config --cmd /bin/bash \
    --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  "${buildah[@]}" commit --quiet --rm "$container" "$base_image" >/dev/null
  rm -rf "$root"
}

# build_image TAG [ARGUMENT...]: of the Dockerfile; the log is in $work/build.log.
build_image() {
  local tag=$1 log=$work/build.log command
  shift
  if [ ${#buildah[@]} = 0 ]; then
    command=(env DOCKER_BUILDKIT=1 docker build)
  else
    # The OCI format has no health check.
    command=("${buildah[@]}" bud --isolation chroot --format docker --pull-never --layers
      -v "$work/apt/sources.list.d:/etc/apt/sources.list.d:ro"
      -v "$work/apt/apt.conf.d:/etc/apt/apt.conf.d:ro")
  fi
  "${command[@]}" -t "$tag" -f "$SIMILE_ROOT/docker/Dockerfile" "$@" "$SIMILE_ROOT" >"$log" 2>&1 || {
    tail -20 "$log" >&2
    fail "the image could not be built."
  }
}

# health_of CONTAINER: healthy, starting or unhealthy, by the health check of the image.
health_of() {
  # Docker runs the check by itself.
  [ "${engine[0]}" = docker ] || "${engine[@]}" healthcheck run "$1" >/dev/null 2>&1 || true
  "${engine[@]}" inspect --format '{{.State.Health.Status}}' "$1"
}

# layers_of IMAGE: "SIZE INSTRUCTION" lines, the newest first, of those that weigh something.
layers_of() {
  "${engine[@]}" history --no-trunc --format '{{.Size}}|{{.CreatedBy}}' "$1" |
    sed -E -n 's/^([0-9.]+) ?([MG]B)\|/\1 \2  /; T; s#/bin/(ba)?sh (-euo pipefail )?-c (\#\(nop\) )?##
               s/(dir|file):[0-9a-f]+ in/to/; s/ {3,}/ /g; p' | cut -c1-92
}
