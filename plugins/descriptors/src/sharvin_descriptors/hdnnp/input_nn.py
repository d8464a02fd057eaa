"""The settings file ``input.nn`` of n2p2 and RuNNer: its keywords, with their lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ase.data import atomic_numbers
from sharvin.errors import InputError
from sharvin.words.suggestions import did_you_mean

REPEATED = frozenset({"symfunction_short", "atom_energy", "element_nodes_short"})
READ = REPEATED | {
    "number_of_elements",
    "elements",
    "cutoff_type",
    "scale_symmetry_functions",
    "scale_min_short",
    "scale_max_short",
    "center_symmetry_functions",
    "scale_symmetry_functions_sigma",
    "global_hidden_layers_short",
    "global_nodes_short",
    "global_activation_short",
    "normalize_nodes",
    "mean_energy",
    "conv_energy",
    "conv_length",
    "nnp_type",
    "nn_type",
    "nn_type_short",
    "global_output_nodes_short",
    "nnp_gen",
    "cutoff_alpha",
}
"""Keywords that decide what the potential is."""
TRAINING_PREFIXES = (
    "kalman_", "gradient_", "rmse_", "write_", "selection_mode", "task_batch_", "weights_", "short_", "energy_", "force_",
    "charge_", "epochs", "test_fraction", "random_", "use_short_", "use_old_", "nguyen_", "precondition_", "main_error_",
    "repeated_", "updater_", "parallel_", "jacobian_", "update_", "memorize_", "normalize_data_", "print_", "optmode_",
    "calculate_", "analyze_", "points_in_memory", "mix_all_points", "remove_", "check_", "noise_", "joint_", "grouping_",
    "fitting_",
    "bond_", "biasweights", "weight_", "weighte_", "data_", "max_", "enable_", "save_", "restrict_", "scale_e", "separate_",
    "enforce_", "regularize_", "runner_", "damp", "detailed_", "find_", "growth_", "ion_",
    "md_", "microiterations", "process_", "prepare_", "reset_", "shuffle_", "silent", "steepest_", "screen_", "total_",
    "electrostatic_error", "forces_", "stop_", "use_systematic", "use_mpi", "use_atom_energies", "use_ipi", "use_noise",
    "use_gausswidth", "detect_", "saturation_", "list_", "debug_", "lwrite", "pstring", "min_", "initialization_", "seed_",
    "fix_", "fixed_weight", "committee_dir",
)  # fmt: skip
"""Beginnings of keywords that tell how a network was trained or what is printed; they change no energy."""
UNSUPPORTED = (
    "use_electrostatics", "electrostatic_type", "use_fixed_charge", "fixed_charge", "fixed_gausswidth", "fixed_short",
    "symfunction_electrostatic", "global_hidden_layers_electrostatic", "global_nodes_electrostatic", "screen_electrostatics",
    "global_symfunction_short", "element_symfunction_short", "global_activation_electrostatic", "ewald_", "use_vdw", "vdw_",
    "element_activation_short", "element_hidden_layers_short", "committee_mode", "pairsymfunction_short", "charge_nn",
    "element_pairsymfunction_short", "global_pairsymfunction_short", "nn_type_elec", "nn_type_charge", "fixed_hardness",
    "initial_hardness", "elements_nodes_", "use_electronegativity", "use_damping", "use_omp_mkl",
)  # fmt: skip
"""Keywords, or their beginnings, of what changes energies and is not implemented: charges, dispersion, pair networks …"""
GENERATIONS = {
    "nnp_type": frozenset({"0", "2", "2G", "2G-HDNNP"}),
    "nnp_gen": frozenset({"2", "2G"}),
    "nn_type": frozenset({"0", "1", "2", "2G", "2G-HDNNP"}),
}
"""What says that a network is of short range; n2p2's ``nnp_type 1`` has a network of charges, RuNNer's ``nn_type 1`` has not."""


@dataclass(frozen=True)
class Setting:
    """A keyword's values, and its line counted from 1."""

    values: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Settings:
    """Keywords of a file.

    Parameters
    ----------
    path : Path
    found : dict of str to list of Setting
    """

    path: Path
    found: dict[str, list[Setting]]

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.found

    def one(self, keyword: str, count: int | None = None) -> Setting:
        """The keyword, which must be there with at least `count` values.

        Raises
        ------
        InputError
        """
        if keyword not in self.found:
            raise InputError(f"{self.path} has no keyword {keyword}, which a network needs.")
        setting = self.found[keyword][0]
        if count is not None and len(setting.values) < count:
            raise self.wrong(setting, f"{keyword} needs {count} value{'s' * (count > 1)}")
        return setting

    def number(self, keyword: str, default: float) -> float:
        """Value of a keyword with one number."""
        return self.as_numbers(self.one(keyword, 1), 0, 1)[0] if keyword in self.found else default

    def as_numbers(self, setting: Setting, first: int, last: int) -> list[float]:
        """Some of the values as finite numbers.

        Raises
        ------
        InputError
        """
        try:
            numbers = [float(text.replace("d", "e").replace("D", "e")) for text in setting.values[first:last]]
        except ValueError as error:
            raise self.wrong(setting, f"{str(error).rpartition(': ')[2]} is no number") from None
        if len(numbers) != last - first or not all(map(math.isfinite, numbers)):
            raise self.wrong(setting, f"{last - first} finite numbers are expected")
        return numbers

    def element(self, setting: Setting, symbol: str, known: Sequence[int] | None = None) -> int:
        """Atomic number of a chemical symbol, which must be among those known.

        Raises
        ------
        InputError
        """
        if symbol not in atomic_numbers or symbol == "X":
            raise self.wrong(setting, f"{symbol!r} is no chemical symbol")
        if known is not None and atomic_numbers[symbol] not in known:
            raise self.wrong(setting, f"{symbol} is not among the elements")
        return int(atomic_numbers[symbol])

    def wrong(self, setting: Setting, reason: str) -> InputError:
        """The error that names the line."""
        return InputError(f"{self.path}, line {setting.line}: {reason}.")


def read_settings(path: Path) -> Settings:
    """Read and check the keywords of an ``input.nn``.

    Raises
    ------
    InputError
        If there is no such file, or a keyword is not supported, not known, or given twice; it names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    settings = Settings(path, {})
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#")[0].split("!")[0].split()
        if not words:
            continue
        keyword, setting = words[0], Setting(tuple(words[1:]), number)
        _require_supported(settings, keyword, setting)
        if keyword in settings.found and keyword in READ and keyword not in REPEATED:
            raise settings.wrong(setting, f"{keyword} is given twice, also in line {settings.found[keyword][0].line}")
        settings.found.setdefault(keyword, []).append(setting)
    for keyword in ("nn_type_short", "global_output_nodes_short"):
        if keyword in settings and settings.one(keyword, 1).values[0] != "1":
            setting = settings.one(keyword)
            raise settings.wrong(setting, f"{keyword} {setting.values[0]} is not supported; 1 is")
    for keyword, supported in GENERATIONS.items():
        if keyword in settings and settings.one(keyword, 1).values[0] not in supported:
            setting = settings.one(keyword)
            said = f"{keyword} {setting.values[0]} is not supported; short-range networks (2G) are, without charges"
            raise settings.wrong(setting, said)
    return settings


def _require_supported(settings: Settings, keyword: str, setting: Setting) -> None:
    if keyword in READ:
        return
    if keyword.startswith(UNSUPPORTED):
        raise settings.wrong(setting, f"the keyword {keyword} is not supported; short-range networks (2G) are")
    if not keyword.startswith(TRAINING_PREFIXES):
        raise settings.wrong(setting, f"the keyword {keyword} is not known{did_you_mean(keyword, sorted(READ))}")
