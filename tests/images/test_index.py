"""An index for two kinds of machines, built by real buildah and pushed to a real registry."""

from pathlib import Path

from contract import VERSION
from tests.cluster.programs import images
from tests.images import registry
from tests.images.test_script import TARGETS, buildah, image_name, images_sh


def test_an_index_in_a_registry_has_an_image_for_each_machine(tmp_path: Path) -> None:
    """By real buildah, from nothing: what is installed would need an emulator."""
    stages = "".join(
        f"FROM scratch AS {each}\nARG TARGETARCH\nCOPY LICENSE /{each}-for-$TARGETARCH\n"
        for each in TARGETS
    )
    (tmp_path / "Dockerfile").write_text(stages)
    arguments = f"--file {tmp_path}/Dockerfile --isolation chroot"

    with registry.serve(tmp_path) as there:
        variables = buildah(tmp_path, there.address)
        for _ in range(2):  # what is there already is replaced
            done = images_sh("build", before=images.APART, BUILD_ARGS=arguments, **variables)
            assert done.returncode == 0, done.stdout + done.stderr
        done = images_sh(
            "push", f"{there.address}/ours", before=images.APART,
            PUSH_ARGS="--tls-verify=false", **variables,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        for target in TARGETS:
            index = there.index(f"ours/{image_name(target)}", VERSION)
            found = [each["platform"]["architecture"] for each in index["manifests"]]
            assert sorted(found) == ["amd64", "arm64"]
