"""Cost of `lammps_pull` beside a hand-written LAMMPS script of the same pull: CPU time, one thread, same process.

Both run the 304-atom gold wire 33-6-55 with Au_u3 at 4.5 K and 10 m/s from the same seed, and must end at the same positions. The
script writes a dump every 0.1 Å; `lammps_pull` gives frames with neck width, tension, temperature and energy instead.

    OMP_NUM_THREADS=1 python benchmarks/lammps_overhead.py [--elongation 8] [--repeats 3]
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from ase.data import atomic_masses
from sharvin_md import lammps_pull
from sharvin_md.configs import EamOptions, LammpsPullOptions, NanowireOptions
from sharvin_md.eam import Eam
from sharvin_md.lammps_system import open_lammps
from sharvin_md.nanowire import Nanowire
from sharvin_md.neck_width import NeckWidth
from sharvin_md.thermostat import lammps_seeds

SEED = 1


def script(wire, options, data, dump):
    """The pull as one writes it for the LAMMPS executable."""
    velocities, langevin = lammps_seeds(SEED, 2)
    rigid, side = wire.arrays["rigid"], wire.arrays["electrode"]
    left, right = (np.flatnonzero(rigid & (side == sign)) + 1 for sign in (-1, 1))
    half = options.speed_m_per_s / 200
    every = options.snapshot_steps()
    steps = round(options.max_elongation_A / options.snapshot_every_A) * every
    potential = "\n".join(Eam(EamOptions(file="Au_u3.eam")).lammps_commands(["Au"]).commands)
    return f"""
units metal
atom_style atomic
atom_modify map array sort 0 0
boundary p p f
read_data {data}
suffix opt
{potential}
suffix off
mass 1 {float(atomic_masses[79])!r}
group left id {left[0]}:{left[-1]}
group right id {right[0]}:{right[-1]}
group resting union left right
group mobile subtract all resting
neighbor 0.7 bin
neigh_modify every 1 delay 0 check yes
thermo_style custom step pe temp
thermo {every}
fix hold resting setforce 0.0 0.0 0.0
min_modify norm max dmax 0.1
min_style cg
minimize 0.0 {options.relax_fmax} 10000 100000
unfix hold
reset_timestep 0
timestep {options.timestep_fs / 1000}
compute mobile_temp mobile temp
compute_modify mobile_temp extra/dof 0
velocity all set 0.0 0.0 0.0
velocity mobile create {2 * options.temperature_K} {velocities} mom no rot no dist gaussian temp mobile_temp
fix integrate mobile nve
fix thermostat mobile langevin {options.temperature_K} {options.temperature_K} {options.damping_fs / 1000} {langevin} zero no
run {round(options.equilibration_ps * 1000 / options.timestep_fs)}
reset_timestep 0
fix pull_left left move linear 0.0 0.0 {-half!r}
fix pull_right right move linear 0.0 0.0 {half!r}
dump snapshots all custom {every} {dump} id x y z
dump_modify snapshots sort id
run {steps}
"""


def write_data(wire, margin, path):
    """The wire as a LAMMPS data file."""
    lx, ly, _ = wire.cell.lengths()
    low, high = wire.positions[:, 2].min() - margin, wire.positions[:, 2].max() + margin
    lines = ["wire", "", f"{len(wire)} atoms", "1 atom types", "", f"0 {float(lx)!r} xlo xhi", f"0 {float(ly)!r} ylo yhi"]
    lines += [f"{float(low)!r} {float(high)!r} zlo zhi", "", "Atoms # atomic", ""]
    lines += [f"{n} 1 {x!r} {y!r} {z!r}" for n, (x, y, z) in enumerate(wire.positions.tolist(), start=1)]
    path.write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--elongation", type=float, default=8.0, help="Å to pull; the wire may break earlier than 10 Å")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    wire = Nanowire(NanowireOptions(name="33-6-55")).build(np.random.default_rng(0))
    options = LammpsPullOptions(max_elongation_A=arguments.elongation)
    potential = Eam(EamOptions())
    names = ("script", "lammps_pull without neck width", "lammps_pull")
    times = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "wire.data"
        write_data(wire, lammps_pull.MARGIN_A + options.max_elongation_A / 2, data)
        text = script(wire, options, data, Path(folder) / "pull.dump")
        for _ in range(arguments.repeats):
            start = time.process_time()
            lmp = open_lammps()
            lmp.commands_string(text)
            times["script"].append(time.process_time() - start)
            expected = np.array(lmp.gather_atoms("x", 1, 3)).reshape(-1, 3)
            lmp.close()
            for name, neck_width in zip(names[1:], (lambda *arguments: lambda *frame: 1, NeckWidth), strict=True):
                lammps_pull.NeckWidth = neck_width
                start = time.process_time()
                frames = list(lammps_pull.LammpsPull(options).run(wire, potential, SEED))
                times[name].append(time.process_time() - start)
    found = frames[-1].positions - [0.0, 0.0, frames[-1].scalars["elongation_A"] / 2]
    difference = found - expected
    lengths = wire.cell.lengths()
    difference[:, :2] -= lengths[:2] * np.rint(difference[:, :2] / lengths[:2])
    best = {name: min(values) for name, values in times.items()}
    last = frames[-1].scalars
    print(f"{len(frames)} frames, elongation {last['elongation_A']:.1f} Å, neck {last['neck_width']:.0f}")
    print(f"largest difference of the final positions: {np.abs(difference).max():.1e} Å")
    for name, value in best.items():
        print(f"{name:>31}: {value:.3f} CPU s, ratio {value / best['script']:.3f}")


if __name__ == "__main__":
    main()
