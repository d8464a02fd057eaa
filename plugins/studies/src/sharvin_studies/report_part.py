"""How the key numbers of the studies are called in the report; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sharvin.report import KeyNumber, ReportPart

KEY_NUMBERS = {
    "n_traces": KeyNumber("production pulls"),
    "n_predicted": KeyNumber("predicted conductances"),
    "n_labelled": KeyNumber("exact labels"),
    "n_labelled_production": KeyNumber("exact labels of production pulls"),
    "mae_train_G0": KeyNumber("mean absolute error, training set", "G0"),
    "mae_validation_G0": KeyNumber("mean absolute error, validation set", "G0"),
    "mae_test_G0": KeyNumber("mean absolute error, test set", "G0"),
    "split_by": KeyNumber(
        "the test set holds",
        words={
            "group": "pulls never learnt from",
            "sample": "snapshots of pulls learnt from",
            "both": "pulls never learnt from",
        },
    ),
    "peak_in_window": KeyNumber("peak of the histogram", "G0", of="position_G0"),
    "plateau_window_G0": KeyNumber("plateau window", "G0"),
    "peak_near_1G0": KeyNumber("histogram peak near 1 G0", "G0", of="position_G0"),
    "label_cost.cpu_seconds_each": KeyNumber("CPU time of one exact label", "s"),
    "label_cost.reference_cpu_seconds_each": KeyNumber("CPU time of one snapshot computed in full", "s"),
    "label_cost.atoms": KeyNumber("atoms of a labelled structure"),
    "label_cost.orbitals": KeyNumber("orbitals of a labelled structure"),
    "n_wires": KeyNumber("disordered wires"),
    "n_transmissions": KeyNumber("exact transmissions"),
    "test_samples": KeyNumber("wires in the test set"),
    "scale": KeyNumber("numbers of wires, as a share of the config's"),
    "energy_rmse_meV_per_atom": KeyNumber("energy error, test set (RMSE)", "meV/atom"),
    "force_rmse_meV_per_A": KeyNumber("force error, test set (RMSE)", "meV/Å"),
    "n_samples": KeyNumber("displaced structures"),
    "force_mae_meV_per_A": KeyNumber("force error, test set (MAE)", "meV/Å"),
    "energy_mae_meV_per_atom": KeyNumber("energy error, test set (MAE)", "meV/atom"),
    "H_mae_meV": KeyNumber("error of H, test set (MAE)", "meV"),
    "H_nearest_mae_meV": KeyNumber("error of H between nearest neighbours (MAE)", "meV"),
    "H_nearest_largest_meV": KeyNumber("its largest error", "meV"),
    "phonon_rms_THz": KeyNumber("difference of phonons (RMS)", "THz"),
    "n_structures": KeyNumber("structures with reference labels"),
    "n_seeds": KeyNumber("trainings of the potential"),
    "label_cost.cpu_seconds_per_transmission": KeyNumber("CPU time of one exact transmission", "s"),
}
"""Entries of ``results.json`` that readers look for, in the order of their cards."""


def of_study(results: Mapping[str, Any]) -> ReportPart:
    """What the report says of the results of one of these studies."""
    told = [
        "exact_production",
        "recalibration",
        "timing",
        "element",
        "potential",
        "n_atoms",
        "structures_of_groups",
        "fit_seconds",
    ]
    if "peak_in_window" in results:
        told.append("peak_near_1G0")
    if results.get("scale") == 1:
        told.append("scale")
    return ReportPart({**KEY_NUMBERS, **_learnt(results.get("hamiltonian_learnt"))}, told)


def _learnt(errors: Any) -> dict[str, KeyNumber]:
    """Errors of what a Hamiltonian learnt, in the unit of that quantity, which it names: ``on-site shift (eV)``."""
    if not isinstance(errors, Mapping) or "quantity" not in errors:
        return {}
    unit = str(errors["quantity"]).partition("(")[2].rstrip(")")
    names = [name for name, value in errors.items() if isinstance(value, float) and not name.endswith("_G0")]
    return {f"hamiltonian_learnt.{name}": KeyNumber(f"hamiltonian learnt: {name.replace('_', ' ')}", unit) for name in names}
