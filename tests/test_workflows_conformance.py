"""The studies keep the contract of their kind."""

from typing import ClassVar

from sharvin.testing import WorkflowTests

GRAPHENE = {
    "use": "bilayer_graphene",
    "supercell": [2, 2],
    "configurations": 12,
    "random_shift": True,
    "displacement_A": [0.01, 0.05],
}


class TestDisorderedWire(WorkflowTests):
    name = "disordered_wire"
    measured = ("summary", "tables")
    options: ClassVar = {
        "test_samples": 20,
        "cases": [{"name": "box", "training_samples": 40}],
        "ensemble": {"concentrations": [0.0, 0.5], "configurations": 10},
    }
    config: ClassVar = {
        "hamiltonian": {"use": "square_lattice", "disorder": "II", "length": 4, "width": 3},
        "transport": {"use": "grid_transfer"},
        "regressor": {"use": "dnn", "hidden": [4], "epochs": 1},
    }


class TestBreakJunction(WorkflowTests):
    name = "break_junction"
    options: ClassVar = {"training_pulls": 3, "production_pulls": 1}
    measured = ("label_cost",)
    config: ClassVar = {
        "structure": {"use": "nanowire", "element": "Au", "lattice_constant_A": 4.08, "neck": [1, 1, 3], "electrode": [2, 2, 5]},
        "potential": {"use": "eam", "file": "Au_u3.eam"},
        "dynamics": {
            "use": "lammps_pull",
            "speed_m_per_s": 1000,
            "snapshot_every_A": 2.0,
            "equilibration_ps": 0.05,
            "max_elongation_A": 8.0,
        },
        "hamiltonian": {"use": "slater_koster", "table": "ptbp"},
        "transport": {"use": "rgf"},
        "descriptor": {"use": "soap", "n_max": 2, "l_max": 1, "cutoff_A": 4.5},
        "regressor": {"use": "ridge"},
    }


class TestPotentialStudy(WorkflowTests):
    name = "potential_study"
    measured = ("tables",)
    options: ClassVar = {
        "reference": {"use": "second_moment", "element": "Au"},
        "seeds": 2,
        "properties": ["elastic_constants", "chain"],
    }
    config: ClassVar = {
        "structure": {"use": "reference_database", "atoms": 8, "slabs_100": 3, "slabs_111": 3, "bcc": 3, "fcc": 3},
        "potential": {"use": "hdnnp", "table": "gold", "hidden": [4], "epochs": 1, "updates_per_epoch": 30},
    }


class TestElectronPhonon(WorkflowTests):
    name = "electron_phonon"
    measured = ("tables", "hamiltonian_fit_seconds")
    options: ClassVar = {
        "reference": {
            "potential": {"use": "layered_carbon"},
            "hamiltonian": {"use": "slater_koster_pz", "cutoff_A": 4.0},
        },
        "hamiltonian_data": GRAPHENE,
        "phonons": {"points": 7},
        "series": [{"name": "cold", "dynamics": {"temperature_K": 10}}, {"name": "warm", "dynamics": {"temperature_K": 300}}],
        "velocity": {"distances": 2, "branch": "both"},
        "sample_bands": {"points": 7},
    }
    config: ClassVar = {
        "structure": {"use": "bilayer_graphene", "supercell": [2, 2], "lattice_constant_A": 2.4594, "distance_A": 3.369},
        "potential": {"use": "layered_carbon"},
        "dynamics": {
            "use": "thermal_displacements",
            "samples": 16,
            "relax": True,
            "rigid_layer_modes": "fix",
        },
        "hamiltonian": {"use": "hedge_electron", "reach_A": 4.0, "taper_A": 0.0, "channels": 4, "layers": 1, "epochs": 2},
    }


class TestThermalTransport(WorkflowTests):
    name = "thermal_transport"
    options: ClassVar = {
        "series": [{"name": "0 K", "dynamics": {"temperature_K": 0}}, {"name": "300 K", "dynamics": {"temperature_K": 300}}],
        "single": {"special_displacement": True, "samples": None},
        "fermi_nodes": 2,
    }
    config: ClassVar = {
        "structure": {
            "use": "nanowire",
            "element": "Au",
            "lattice_constant_A": 4.08,
            "neck": [1, 1, 2],
            "electrode": [2, 2, 5],
            "rigid_layers": 5,
        },
        "potential": {"use": "second_moment", "element": "Au"},
        "dynamics": {"use": "thermal_displacements", "samples": 4, "relax": True},
        "hamiltonian": {"use": "slater_koster", "table": "ptbp"},
        "transport": {"use": "rgf"},
    }
