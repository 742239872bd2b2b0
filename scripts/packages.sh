# shellcheck shell=bash
# The one list of Debian packages: quickstart.sh, test.sh and docker/ share it.
# shellcheck disable=SC2034  # Read by the scripts that source this file.

# What building the server and the command line needs.
SIMILE_BUILD_PACKAGES=(
  g++ cmake ninja-build pkg-config
  libgrpc++-dev protobuf-compiler-grpc libprotobuf-dev protobuf-compiler
  librocksdb-dev libhnswlib-dev libhwy-dev libssl-dev
  libabsl-dev libspdlog-dev libfmt-dev nlohmann-json3-dev libcli11-dev
  libroaring-dev
  libgtest-dev libgmock-dev
)

# What the scripts themselves need. pip is not among them: it is installed only where none is.
SIMILE_SCRIPT_PACKAGES=(python3 ca-certificates)

# What the tests need beyond that.
SIMILE_TEST_PACKAGES=(git)

# What the address sanitizer's build needs: it is clang's, which compiles the tests in half the time of
# GCC's and checks on the way which lock guards what.
SIMILE_SANITIZER_PACKAGES=(clang-14 libclang-rt-14-dev)

# What a machine needs that only runs the server.
SIMILE_RUNTIME_PACKAGES=(
  libgrpc++1.51 libprotobuf32 librocksdb7.8 libhwy1 libssl3 libroaring0 libspdlog1.10 libfmt9 libabsl20220623
  ca-certificates
)

# What building an image takes beside the build: a second one compiles only what has changed.
SIMILE_IMAGE_BUILD_PACKAGES=(ccache)

# What docker/test.sh needs where no Docker daemon answers.
SIMILE_IMAGE_TEST_PACKAGES=(buildah debootstrap podman conmon runc)
