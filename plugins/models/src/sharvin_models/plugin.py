"""Regressors, Hamiltonians and potentials offered by this distribution."""

from __future__ import annotations

from sharvin.component import Component
from sharvin.hooks import hookimpl

SHARVIN_API = 1


@hookimpl
def sharvin_regressors() -> list[Component]:
    """Models from features to one property of the structure."""
    return [
        Component(
            name="cnn",
            target="sharvin_models.images.cnn:Cnn",
            config="sharvin_models.images.configs:CnnOptions",
            summary="convolutional network on a grid of on-site energies",
            takes=("image",),
        ),
        Component(
            name="dnn",
            target="sharvin_models.images.dnn:Dnn",
            config="sharvin_models.images.configs:DnnOptions",
            summary="fully connected network on a grid of on-site energies",
            takes=("image",),
        ),
        Component(
            name="equivariant",
            target="sharvin_models.structures.equivariant:Equivariant",
            config="sharvin_models.structures.configs:EquivariantOptions",
            summary="E(3)-equivariant message passing on the structure itself, maximum over atoms, dense head",
            takes=("graph",),
        ),
        Component(
            name="fc_maxpool",
            target="sharvin_models.atoms.fc_maxpool:FcMaxpool",
            config="sharvin_models.atoms.configs:FcMaxpoolOptions",
            summary="fully connected network on every atom, maximum over atoms, dense head",
            takes=("per_atom",),
        ),
        Component(
            name="gaussian_process",
            target="sharvin_models.pooled.gaussian_process:GaussianProcess",
            config="sharvin_models.pooled.configs:GaussianProcessOptions",
            summary="Gaussian process on pooled features, with standard deviations",
            needs=("gpytorch",),
            extra="gaussian_process",
            takes=("per_atom", "per_structure"),
        ),
        Component(
            name="kernel_ridge",
            target="sharvin_models.pooled.kernel_ridge:KernelRidge",
            config="sharvin_models.pooled.configs:KernelRidgeOptions",
            summary="kernel ridge regression on pooled features",
            takes=("per_atom", "per_structure"),
        ),
        Component(
            name="ridge",
            target="sharvin_models.pooled.ridge:Ridge",
            config="sharvin_models.pooled.configs:RidgeOptions",
            summary="linear ridge regression on features pooled over atoms, a baseline",
            takes=("per_atom", "per_structure"),
        ),
        Component(
            name="tight_binding",
            target="sharvin_models.tight_binding.regressor:TightBinding",
            config="sharvin_models.tight_binding.configs:TightBindingOptions",
            summary="one-orbital tight-binding Hamiltonian learnt from conductances, Green functions for the rest",
            takes=("graph",),
        ),
        Component(
            name="transformer",
            target="sharvin_models.atoms.transformer:Transformer",
            config="sharvin_models.atoms.configs:TransformerOptions",
            summary="transformer encoder over the atoms of a structure, pooling, dense head",
            takes=("per_atom",),
        ),
    ]


@hookimpl
def sharvin_hamiltonians() -> list[Component]:
    """Hamiltonians that are learnt."""
    return [
        Component(
            name="hedge_electron",
            target="sharvin_models.hamiltonian_network.hamiltonian:HedgeElectron",
            config="sharvin_models.hamiltonian_network.configs:HedgeElectronOptions",
            summary="E(3)-equivariant blocks of s, p and d orbitals with a module for each relation of atoms, such as layers",
            gives="two_terminal",
        ),
    ]


@hookimpl
def sharvin_potentials() -> list[Component]:
    """Energies and forces that are learnt."""
    return [
        Component(
            name="equivariant_potential",
            target="sharvin_models.message_passing.potential:EquivariantPotential",
            config="sharvin_models.message_passing.configs:EquivariantPotentialOptions",
            summary="E(3)-equivariant many-body messages between atoms, trained on energies and forces",
        ),
        Component(
            name="hedge_phonon",
            target="sharvin_models.message_passing.hedge_phonon:HedgePhonon",
            config="sharvin_models.message_passing.configs:HedgePhononOptions",
            summary="E(3)-equivariant messages with a module and a cutoff for each relation of atoms, such as layers",
        ),
    ]
