"""Explainers: why a model gave a pair its score.

`EXPLAINERS` names the code of every method of `explanations.METHODS`. A new one is a file here with a
subclass of `base.Explainer`, a line there and a line below. `subject` is what they explain; `path` and
`two_part_path` integrate gradients, `coalitions` and `shapley` leave tokens out, `second_model` is what the
explainers of forests and dense networks share. `faithfulness`, `agreement`, `randomisation` and `controls`
test what was said. `running.explain_table` does all of it, and `writing` writes it down. Importing this
package loads no torch.
"""

from __future__ import annotations

from pkgutil import resolve_name

EXPLAINERS = {
    "attention": "esm2amp_core.explain.attention:Attention",
    "integrated_gradients": "esm2amp_core.explain.integrated_gradients:IntegratedGradients",
    "token_shapley": "esm2amp_core.explain.token_shapley:TokenShapley",
    "tree_shap": "esm2amp_core.explain.tree_shap:TreeShap",
    "gini": "esm2amp_core.explain.gini:Gini",
    "deep_shap": "esm2amp_core.explain.deep_shap:DeepShap",
    "residue_gradients": "esm2amp_core.explain.residue_gradients:ResidueGradients",
}


def resolve(method: str) -> type:
    """The class of an explainer.

    Raises
    ------
    KeyError
        If `EXPLAINERS` does not name it.
    """
    return resolve_name(EXPLAINERS[method])
