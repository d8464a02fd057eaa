"""One label of the smallest starting wire of a break-junction study, before anything is pulled, where that takes seconds."""

from __future__ import annotations

import numpy as np
from sharvin.devices.brillouin import averaged_transmission, devices_at_k
from sharvin.executors.threads import one_thread
from sharvin.protocols import CostedHamiltonian

from sharvin_studies.break_junction import hamiltonian as teaching
from sharvin_studies.break_junction.survey import Survey

LONGEST_LABEL_SECONDS = 2.0
"""A label of a starting wire is computed if it takes no longer."""
LARGEST_WIRE_ATOMS = 150
"""Of a Hamiltonian that does not say what a label costs, one of a wire with no more atoms is computed."""


def try_label(survey: Survey) -> None:
    """Compute a label and note what goes wrong as a problem of its part; a Hamiltonian that has to learn first has none."""
    chosen = survey.config.selections
    wires = sorted((wire for wire in survey.wires if wire.junction is not None), key=lambda wire: len(wire.atoms))
    if survey.problems or not wires:
        return
    wire, hamiltonian = wires[0], chosen["hamiltonian"].built()
    assert wire.junction is not None
    if teaching.learns(hamiltonian):
        return
    failing = f"{wire.called}the starting wire has no label: "
    with survey.at(("hamiltonian",), failing, anything="the Hamiltonian"), one_thread():
        if isinstance(hamiltonian, CostedHamiltonian):
            if hamiltonian.label_seconds(wire.junction) > LONGEST_LABEL_SECONDS:
                return
        elif len(wire.atoms) > LARGEST_WIRE_ATOMS:
            survey.remarks.append(f"no label was tried: {chosen['hamiltonian'].name} does not say what one costs.")
            return
        at_k = devices_at_k(hamiltonian, wire.junction)
        with survey.at(("transport",), failing, anything="the transport solver"):
            conductance = float(averaged_transmission(chosen["transport"].built(), at_k, np.zeros(1))[0])
            survey.checked.append(f"a label ({conductance:.2f} G0)")
