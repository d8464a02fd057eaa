"""Options of the regressor `learnt_shifts`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveInt, field_validator, model_validator

from sharvin_transport.slater_koster.configs import TableOptions

Term = Literal["onsite", "shells", "hoppings", "fermi_energy"]
VALUES: dict[str, tuple[str, ...]] = {
    "onsite": ("shift_eV",),
    "shells": ("s_shift_eV", "p_shift_eV", "d_shift_eV"),
    "hoppings": ("hopping", "hopping_by_strain"),
    "fermi_energy": ("fermi_shift_eV",),
}
"""Names of the values that are learnt, by term."""


class LearntShiftsOptions(TableOptions):
    """Slater–Koster Hamiltonian whose on-site shifts and hoppings are learnt from conductances."""

    learn: Annotated[tuple[Term, ...], Field(min_length=1)] = ("onsite", "hoppings")
    """What is learnt, each a function of the surroundings of atoms that is zero in the ideal electrodes: `onsite` shifts of all
    orbitals of an atom, `shells` shifts of its s, p and d orbitals apart, `hoppings` factors of the two-centre integrals of
    bonds. `fermi_energy` is one number, by which E_F moves against device and leads."""

    tables: tuple[str, ...] = ()
    """Tables to choose from in place of `table`: the one with which a first step foretells the conductances of groups left out
    best."""

    charge_neutrality: Literal["none", "local", "predicted"] = "predicted"
    """What the learnt changes start from: the table's on-site energies (`none`), shifts that make every atom neutral, solved for
    each structure (`local`), or predicted by a model of those of some of the structures to learn from (`predicted`)."""

    neutrality_model: str | None = None
    """With `charge_neutrality: predicted`: the `neutrality.npz` of an earlier study in place of a model of one's own."""

    references: PositiveInt = 100
    """With `charge_neutrality: predicted`: structures whose shifts are solved, and learnt from, at most."""

    centres: PositiveInt = 300
    """Surroundings that functions are made of, chosen from the structures to learn from; a step takes
    8 (centres × values of an atom)² bytes."""

    noise_G0: NonNegativeFloat | None = None
    """What the learnt Hamiltonian cannot explain of a conductance. By default it is chosen so that conductances of groups left
    out are foretold best, as the spread of each value is."""

    spread: dict[str, NonNegativeFloat] = Field(default_factory=dict)
    """Spread that is expected of what is learnt, such as `{shift_eV: 0.3}`, in place of one chosen from the labels."""

    batch: PositiveInt = 400
    """Structures of a step, drawn anew for each; all, where there are fewer."""

    max_steps: PositiveInt = 30
    """Gauss–Newton steps at most. That with the least validation error is kept, or the start; of fewer than five validation
    structures the last step whose error is as small within the standard error of the difference."""

    patience: PositiveInt = 4
    """Steps without a smaller validation error after which the fit ends."""

    @field_validator("tables")
    @classmethod
    def _are_there(cls, tables: tuple[str, ...]) -> tuple[str, ...]:
        for table in tables:
            TableOptions(table=table)
        if len(tables) == 1 or len(set(tables)) < len(tables):
            raise ValueError("tables lists several different tables to choose from; give a single one as table")
        return tables

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        fields = type(self).model_fields
        if self.tables and self.table != fields["table"].default:
            raise ValueError("table would be ignored: one of the tables is chosen; leave it out")
        if self.neutrality_model is not None and (self.charge_neutrality != "predicted" or self.tables):
            raise ValueError("neutrality_model acts with charge_neutrality: predicted and a single table; leave it out")
        if self.references != fields["references"].default and (
            self.charge_neutrality != "predicted" or self.neutrality_model is not None
        ):
            raise ValueError("references would be ignored: no model of the shifts of neutral atoms is learnt; leave it out")
        unknown = sorted(set(self.spread) - set(self._values()))
        if unknown:
            raise ValueError(f"spread names {', '.join(unknown)}, which is not learnt; there is {', '.join(self._values())}")
        return self

    def _values(self) -> list[str]:
        return [name for term in self.learn for name in VALUES[term]]

    def each_table(self) -> list[LearntShiftsOptions]:
        """These options with each of the tables that there are to choose from."""
        return [self.of_table(table) for table in self.tables] if self.tables else [self]

    def of_table(self, table: str) -> LearntShiftsOptions:
        """These options with the one of the tables that was chosen; as they are where there is no choice."""
        return self.model_copy(update={"table": table, "tables": ()}) if self.tables else self

    def elements(self) -> frozenset[str] | None:
        if not self.tables:
            return super().elements()
        each = [TableOptions(table=table).elements() for table in self.tables]
        known = [one for one in each if one is not None]
        return frozenset.intersection(*known) if known else None

    def files(self) -> tuple[str, ...]:
        own = [TableOptions(table=table).files() for table in self.tables] if self.tables else [super().files()]
        return (*(path for files in own for path in files), *((self.neutrality_model,) if self.neutrality_model else ()))
