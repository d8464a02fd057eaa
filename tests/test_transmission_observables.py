"""``sharvin transmission`` also gives conductance, current and what happens inside the device, or says why it cannot."""

import csv

import ase.io
import numpy as np
import pytest
import sharvin
from sharvin_transport.transmission.landauer import CONDUCTANCE_QUANTUM_S


@pytest.fixture(scope="module")
def wires():
    options = {"element": "Au", "neck": [1, 1, 3], "electrode": [3, 3, 5], "lattice_constant_A": 4.08}
    wire = sharvin.create("structures", "nanowire", **options).build(np.random.default_rng(0))
    other = wire.copy()
    other.positions[len(wire) // 2] += [0.2, 0.1, 0.0]
    return [wire, other]


@pytest.fixture(scope="module")
def file(wires, tmp_path_factory):
    path = tmp_path_factory.mktemp("wires") / "wires.extxyz"
    ase.io.write(path, wires)
    return path


def table(path):
    with path.open() as stream:
        rows = list(csv.reader(stream))
    return rows[0], np.array(rows[1:], dtype=float)


def test_conductance_and_current_of_a_window_of_energies(sharvin, file, tmp_path):
    arguments = ["--energies", "-0.5:0.5:0.1", "--temperature", "0,4.2,300", "--bias", "-0.1:0.1:0.05", "--out", tmp_path / "t"]
    result = sharvin("transmission", file, "--frames", "0", *arguments)
    assert result.returncode == 0, result.stderr
    _, T = table(tmp_path / "t.csv")
    header, G = table(tmp_path / "t-conductance.csv")
    assert header == ["temperature_K", "conductance_G0_frame_0"]
    np.testing.assert_array_equal(G[:, 0], [0.0, 4.2, 300.0])
    assert G[0, 1] == pytest.approx(T[5, 1], abs=1e-12)
    assert np.all((G[:, 1] > T[:, 1].min()) & (G[:, 1] < T[:, 1].max()))
    header, current = table(tmp_path / "t-current.csv")
    assert header == ["temperature_K", "bias_V", "current_A_frame_0"] and len(current) == 3 * 5
    for temperature, conductance in G:
        found = current[current[:, 0] == temperature]
        np.testing.assert_allclose(found[:, 2], conductance * CONDUCTANCE_QUANTUM_S * found[:, 1], rtol=0.03, atol=1e-12)
    assert (tmp_path / "t-conductance.png").stat().st_size > 5000 and (tmp_path / "t-current.png").stat().st_size > 5000
    assert not list(tmp_path.glob("*observables*"))


def test_observables_of_every_frame(sharvin, wires, file, tmp_path):
    result = sharvin("transmission", file, "--energies", "-0.2,0,0.2", "--observables", "--out", tmp_path / "t")
    assert result.returncode == 0, result.stderr
    _, T = table(tmp_path / "t.csv")
    header, seen = table(tmp_path / "t-observables.csv")
    assert header[:6] == ["frame", "energy_eV", "transmission", "fano", "dos_per_eV_and_spin", "T1"]
    np.testing.assert_allclose(seen[:, 2], T[:, 1:].T.ravel(), atol=1e-12)
    channels = seen[:, 5:]
    np.testing.assert_allclose(channels.sum(axis=1), seen[:, 2], atol=1e-12)
    np.testing.assert_allclose((channels * (1 - channels)).sum(axis=1) / channels.sum(axis=1), seen[:, 3], atol=1e-12)
    images = ase.io.read(tmp_path / "t-ldos.extxyz", index=":")
    assert [(image.info["frame"], image.info["energy_eV"]) for image in images] == [
        (f, e) for f in (0, 1) for e in (-0.2, 0, 0.2)
    ]
    for image, line in zip(images, seen, strict=True):
        np.testing.assert_allclose(image.positions, wires[image.info["frame"]].positions, atol=1e-6)
        assert image.arrays["ldos_per_eV"].sum() == pytest.approx(line[4], rel=1e-5)
        left, right = image.arrays["ldos_left_per_eV"], image.arrays["ldos_right_per_eV"]
        np.testing.assert_allclose(left + right, image.arrays["ldos_per_eV"], atol=1e-6)
        assert left[:45].sum() > 2 * right[:45].sum()  # the left electrode is filled from the left
    shown = result.stdout[result.stdout.index("Observables at") : result.stdout.index("Wrote")]
    assert "…" not in shown and max(map(len, shown.splitlines())) <= 80, "eight columns fit into a terminal"
    _, currents = table(tmp_path / "t-currents.csv")
    for frame in (0, 1):
        flows = currents[currents[:, 0] == frame]
        z = wires[frame].positions[:, 2]
        middle = 0.5 * (z.min() + z.max()) + 0.5
        start, stop = z[flows[:, 2].astype(int)], z[flows[:, 3].astype(int)]
        net = flows[(start < middle) & (stop > middle), 4].sum() - flows[(start > middle) & (stop < middle), 4].sum()
        assert net == pytest.approx(T[1, 1 + frame], rel=0.02)
        assert np.all(np.diff(flows[:, 4]) <= 0)
    assert (tmp_path / "t-observables.png").stat().st_size > 5000 and (tmp_path / "t-currents.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--temperature", "300"], "need T(E) at least from -0.388 to 0.388 eV: give --energies -0.4:0.4:0.02 or wider"),
        (["--bias", "1.0", "--energies", "-0.3:0.3:0.1"], "give --energies -0.5:0.5:0.02 or wider"),
        (["--temperature", "-5"], "must not be negative"),
        (["--temperature", "warm"], "--temperature wants A:B:STEP in K"),
        (["--bias", "1:0:1"], "--bias wants A:B:STEP in V"),
        (["--observables", "--transport", "dense"], "take --transport rgf for --observables"),
    ],
)
def test_wrong_wishes_get_one_sentence(sharvin, file, arguments, words):
    result = sharvin("transmission", file, *arguments)
    assert result.returncode == 2
    assert words in result.stderr and "Traceback" not in result.stderr
