"""Second models on disk: what is read back is what was written, and what was tampered with is refused."""

import json
import shutil
import zipfile
from io import BytesIO

import numpy as np
import pytest
import skops.io
import torch
from numpy.testing import assert_array_equal
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree._tree import NODE_DTYPE
from surrogate_samples import (
    LATENT,
    N_INPUTS,
    add_forest,
    add_network,
    make_autoencoder,
    make_pairs,
    rows_of,
    saved_subject,
    training_rows,
)
from tiny_bundle import WIDTH

from esm2amp_core.bundles import bundle_digest, file_digest
from esm2amp_core.errors import BundleError
from esm2amp_core.models.bundle import ModelBundle
from esm2amp_core.surrogates.autoencoder import Autoencoder, sizes_for
from esm2amp_core.surrogates.card import CARD, place_of, read_card, why_unusable
from esm2amp_core.surrogates.forest_file import SCHEMA, load_forest, save_forest
from esm2amp_core.surrogates.network import hidden_for
from esm2amp_core.surrogates.surrogate import FOREST_FILE, load_surrogate
from esm2amp_core.surrogates.tree_checks import check_tree
from esm2amp_core.training.foresting import ForestSettings, grow


@pytest.fixture(scope="module")
def small():
    """A forest of two small trees."""
    rows, labels = training_rows(200, n_inputs=6)
    settings = ForestSettings(trees=2, leaves=4, samples_leaf=2, features=1.0)
    return grow(rows, labels, settings), rows, labels


@pytest.fixture
def file(small, tmp_path):
    save_forest(small[0], tmp_path / "forest.skops")
    return tmp_path / "forest.skops"


def rewrite(path, *, schema=lambda schema: None, array=lambda name, array: array):
    """Save a skops file again with its schema edited in place and its arrays replaced."""
    with zipfile.ZipFile(path) as archive:
        files = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    edited = json.loads(files.pop(SCHEMA))
    schema(edited)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            changed = array(name, np.load(BytesIO(content)))
            buffer = BytesIO()
            np.save(buffer, changed)
            archive.writestr(name, buffer.getvalue())
        archive.writestr(SCHEMA, json.dumps(edited))


def first_tree(schema):
    return schema["content"]["content"]["estimators_"]["content"][0]["content"]["content"]["tree_"]


def test_a_forest_says_the_same_after_it_was_stored(small, file):
    forest, rows, _ = small
    assert_array_equal(load_forest(file, 6).predict_proba(rows), forest.predict_proba(rows))


NODE_CHANGES = {
    "a child far outside": ("left_child", lambda column: np.where(column > 0, 10**12, column)),
    "a negative child": ("left_child", lambda column: np.where(column > 0, -7, column)),
    "a circle": ("right_child", lambda column: np.where(column > 0, 0, column)),
    "two parents of one node": ("right_child", lambda column: np.where(column > 0, 1, column)),
    "one child only": ("right_child", lambda column: np.full_like(column, -1)),
    "an unknown number": ("feature", lambda column: np.full_like(column, 6)),
    "a negative number": ("feature", lambda column: np.full_like(column, -3)),
    "an infinite threshold": ("threshold", lambda column: np.full_like(column, np.inf)),
    "a missing threshold": ("threshold", lambda column: np.full_like(column, np.nan)),
    "an empty node": ("weighted_n_node_samples", np.zeros_like),
    "counts that contradict": ("weighted_n_node_samples", lambda column: np.arange(1.0, len(column) + 1)),
    "no count": ("n_node_samples", np.zeros_like),
    "a missing impurity": ("impurity", lambda column: np.full_like(column, np.nan)),
}


@pytest.mark.parametrize("change", NODE_CHANGES)
def test_trees_that_lead_astray_are_refused(file, change):
    name, edit = NODE_CHANGES[change]

    def array(_, nodes):
        if nodes.dtype == NODE_DTYPE:
            nodes[name] = edit(nodes[name])
        return nodes

    rewrite(file, array=array)
    with pytest.raises(BundleError, match="Tree 1 of forest.skops was not opened"):
        load_forest(file, 6)


def test_a_tree_whose_branches_meet_again_is_refused_though_all_else_is_sound():
    """A chain of such nodes would have more ways through it than anybody can follow."""
    nodes = np.zeros(4, NODE_DTYPE)
    nodes["left_child"], nodes["right_child"] = [1, 2, -1, -1], [2, 3, -1, -1]
    nodes["weighted_n_node_samples"] = nodes["n_node_samples"] = [3, 2, 1, 1]
    state = {"max_depth": 2, "node_count": 4, "nodes": nodes, "values": np.full((4, 1, 2), 0.5)}
    arguments = (6, np.array([2]), 1)
    with pytest.raises(BundleError, match="two ways lead to one node"):
        check_tree(arguments, state, 6, "It")
    nodes["left_child"], nodes["right_child"] = [1, -1, -1, -1], [2, -1, -1, -1]
    sound = {**state, "max_depth": 1, "node_count": 3, "nodes": nodes[:3], "values": state["values"][:3]}
    check_tree(arguments, sound, 6, "It")


VALUE_CHANGES = {
    "not numbers": lambda values: np.full_like(values, np.nan),
    "below 0": lambda values: values - 0.6,
    "not shares": lambda values: values * 2,
    "too few nodes": lambda values: values[:-1].copy(),
    "too many classes": lambda values: np.concatenate([values, values], axis=2),
    "one axis": lambda values: values.ravel(),
    "single precision": lambda values: values.astype(np.float32),
}


@pytest.mark.parametrize("change", VALUE_CHANGES)
def test_values_of_another_shape_or_kind_are_refused(file, change):
    rewrite(file, array=lambda _, array: VALUE_CHANGES[change](array) if array.ndim == 3 else array)
    with pytest.raises(BundleError, match="was not opened"):
        load_forest(file, 6)


NODES_CHANGES = {
    "no nodes": lambda nodes: nodes[:0],
    "plain numbers": lambda nodes: np.zeros((len(nodes), 8)),
    "other fields": lambda nodes: nodes[["left_child", "right_child"]].copy(),
}


@pytest.mark.parametrize("change", NODES_CHANGES)
def test_nodes_of_another_shape_or_kind_are_refused(file, change):
    rewrite(file, array=lambda _, array: NODES_CHANGES[change](array) if array.dtype == NODE_DTYPE else array)
    with pytest.raises(BundleError, match="forest.skops"):
        load_forest(file, 6)


def count_of_nodes(tree):
    tree["content"]["content"]["node_count"]["content"] = "1000000"


def depth(tree):
    tree["content"]["content"]["max_depth"]["content"] = "1"


def outputs(tree):
    tree["__reduce__"]["args"]["content"][2]["content"] = "100000000"


def features(tree):
    tree["__reduce__"]["args"]["content"][0]["content"] = "7"


def no_classes(tree):
    tree["__reduce__"]["args"]["content"][1] = tree["content"]["content"]["values"]


def no_arguments(tree):
    tree["__reduce__"]["args"]["content"] = []


@pytest.mark.parametrize("change", [count_of_nodes, depth, outputs, features, no_classes, no_arguments])
def test_sizes_that_scikit_learn_would_believe_are_refused(file, change):
    def schema(schema):
        tree = first_tree(schema)
        del tree["__id__"]  # so that nothing else is compared with it
        for node in list_of_nodes(tree):
            node["__id__"] = id(node)
        change(tree)

    rewrite(file, schema=schema)
    with pytest.raises(BundleError, match="was not opened"):
        load_forest(file, 6)


def list_of_nodes(value):
    found = [value] if isinstance(value, dict) and "__loader__" in value else []
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return found + [node for part in parts for node in list_of_nodes(part)]


@pytest.mark.parametrize(("module", "name", "loader"), [
    ("os", "system", "TypeNode"), ("builtins", "eval", "FunctionNode"), ("numpy", "matrix", "NdArrayNode"),
    ("sklearn.tree._tree", "Tree", "ObjectNode"), ("builtins", "str", "MethodNode"),
    ("sklearn.pipeline", "Pipeline", "ObjectNode"),
])  # fmt: skip
def test_types_that_no_forest_needs_are_refused(file, module, name, loader):
    extra = {"__class__": name, "__module__": module, "__loader__": loader, "content": "1", "__id__": 1}
    rewrite(file, schema=lambda schema: schema["content"]["content"].update(verbose=extra))
    with pytest.raises(BundleError, match="a forest needs no such thing"):
        load_forest(file, 6)


def test_a_number_that_stands_for_two_objects_is_refused(file):
    def schema(schema):  # skops would take the first object where the second one was checked
        number = schema["content"]["content"]["classes_"]["__id__"]
        first_tree(schema)["__reduce__"]["args"]["content"][1]["__id__"] = number

    rewrite(file, schema=schema)
    with pytest.raises(BundleError, match="one number stands for two objects"):
        load_forest(file, 6)


@pytest.mark.parametrize("model", [LogisticRegression(), ExtraTreesClassifier(2)])
def test_other_models_are_refused(small, tmp_path, model):
    _, rows, labels = small
    skops.io.dump(model.fit(rows, labels), tmp_path / "model.skops")
    with pytest.raises(BundleError, match="was not opened"):
        load_forest(tmp_path / "model.skops", 6)


def test_forests_of_other_classes_or_numbers_are_refused(small, file, tmp_path):
    _, rows, labels = small
    with pytest.raises(BundleError, match="does not read 7 numbers"):
        load_forest(file, 7)
    with pytest.raises(BundleError, match="classes 0 and 1"):
        save_forest(RandomForestClassifier(2).fit(rows, labels + 1), tmp_path / "other.skops")


def test_a_forest_without_trees_is_refused(file):
    rewrite(file, schema=lambda schema: schema["content"]["content"]["estimators_"].update(content=[]))
    with pytest.raises(BundleError, match="without trees"):
        load_forest(file, 6)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_truncated_files_are_refused(file, share):
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BundleError, match="not a forest, or is damaged"):
        load_forest(file, 6)


def test_a_forest_of_another_scikit_learn_is_refused(file):
    def schema(schema):
        for node in list_of_nodes(schema):
            if node.get("content") == '"1.9.1"':
                node["content"] = '"1.2.0"'

    rewrite(file, schema=schema)
    with pytest.raises(BundleError, match=r"1\.2\.0"):
        load_forest(file, 6)


def test_largest_singular_values_are_1_after_training_and_storing():
    autoencoder = make_autoencoder()
    layers = [layer for layer in autoencoder.modules() if isinstance(layer, torch.nn.Linear)]
    assert len(layers) == 10  # W and V of four blocks, the latent and the output layer
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight, 2) == pytest.approx(1, abs=0.05)


def test_an_autoencoder_says_the_same_after_it_was_stored():
    autoencoder = make_autoencoder()
    again = Autoencoder.from_stored({name: tensor.clone() for name, tensor in autoencoder.stored().items()})
    vectors = torch.randn(30, WIDTH)
    assert_array_equal(again(vectors), autoencoder(vectors))
    assert_array_equal(again.encode_tokens(vectors.reshape(3, 10, WIDTH)),
                       autoencoder.encode(vectors).reshape(3, 10, LATENT))


def test_sizes_are_the_published_ones_and_narrower_in_proportion():
    assert sizes_for(1280) == {"width": 1280, "hidden1": 512, "hidden2": 256, "latent": 150}
    assert sizes_for(2560) == {"width": 2560, "hidden1": 512, "hidden2": 256, "latent": 150}
    assert sizes_for(256) == {"width": 256, "hidden1": 102, "hidden2": 51, "latent": 30}
    assert hidden_for(3000) == hidden_for(3600) == (1796, 382)
    assert hidden_for(600) == (359, 76)


def test_a_block_is_swish_of_the_normalised_product_and_a_linear_shortcut():
    autoencoder = make_autoencoder()
    block, x = autoencoder.encoder[0], torch.randn(7, WIDTH)
    normalised = (block.fc(x) - block.bn.running_mean) / (block.bn.running_var + block.bn.eps).sqrt()
    swish = normalised / (1 + torch.exp(-1.7 * normalised))
    torch.testing.assert_close(block(x, torch.tensor(1.7)), swish + block.downsample(x))


def test_a_second_model_leaves_the_bundle_as_it_was(tmp_path):
    subject = saved_subject(tmp_path / "tiny")
    before = bundle_digest(tmp_path / "tiny")
    add_forest(subject)
    add_network(subject)
    assert bundle_digest(tmp_path / "tiny") == before
    ModelBundle.load(tmp_path / "tiny")
    assert sorted(path.name for path in (tmp_path / "tiny" / "explainers").iterdir()) == ["ae_dnn", "ae_rf"]


@pytest.mark.parametrize(("kind", "add"), [("ae_rf", add_forest), ("ae_dnn", add_network)])
def test_a_second_model_says_the_same_after_it_was_stored(tmp_path, kind, add):
    subject = saved_subject(tmp_path / "tiny")
    surrogate = add(subject)
    again, pairs = load_surrogate(kind, subject.bundle), make_pairs(subject)
    assert_array_equal(again.outputs(rows_of(again, pairs)), surrogate.outputs(rows_of(surrogate, pairs)))


@pytest.mark.parametrize("name", ["autoencoder.safetensors", "forest.skops"])
def test_a_changed_file_is_refused(tmp_path, name):
    subject = saved_subject(tmp_path / "tiny")
    add_forest(subject)
    with (place_of("ae_rf", tmp_path / "tiny") / name).open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match=f"{name} is not the one it was saved with"):
        load_surrogate("ae_rf", subject.bundle)


def test_a_model_that_is_removed_while_in_use_is_told_as_gone(tmp_path):
    subject = saved_subject(tmp_path / "tiny")
    add_forest(subject)
    shutil.rmtree(tmp_path / "tiny")
    for ask in (why_unusable, load_surrogate):
        with pytest.raises(BundleError, match="were removed while it was in use. Install the model again"):
            ask("ae_rf", subject.bundle)


def test_reasons_say_what_to_do(tmp_path):
    subject = saved_subject(tmp_path / "tiny")
    reason = "This model has no random forest (AE_RF); train one with `esm2amp train --explainer ae_rf"
    assert reason in why_unusable("ae_rf", subject.bundle)
    add_forest(subject)
    assert why_unusable("ae_rf", subject.bundle) == ""
    assert "no dense network" in why_unusable("ae_dnn", subject.bundle)
    other = saved_subject(tmp_path / "other", "mean")
    shutil.copytree(tmp_path / "tiny" / "explainers", tmp_path / "other" / "explainers")
    assert "trained for other weights; train it again" in why_unusable("ae_rf", other.bundle)
    with pytest.raises(BundleError, match="other weights"):
        load_surrogate("ae_rf", other.bundle)


def test_another_scikit_learn_is_named_with_the_remedy(tmp_path):
    subject = saved_subject(tmp_path / "tiny")
    add_forest(subject)
    path = place_of("ae_rf", tmp_path / "tiny") / CARD
    card = json.loads(path.read_text())
    card["versions"]["scikit-learn"] = "1.2.0"
    path.write_text(json.dumps(card))
    assert "was made with scikit-learn 1.2.0, here is 1.9.1; train it again" in why_unusable(
        "ae_rf", subject.bundle)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": "ae_rf"}', "nested" * 9])
def test_a_card_that_makes_no_sense_is_a_reason(tmp_path, text):
    subject = saved_subject(tmp_path / "tiny")
    add_forest(subject)
    (place_of("ae_rf", tmp_path / "tiny") / CARD).write_text(text)
    assert why_unusable("ae_rf", subject.bundle)


def test_training_again_takes_the_place_of_the_earlier_one(tmp_path):
    subject = saved_subject(tmp_path / "tiny")
    add_forest(subject, trees=2)
    add_forest(subject, trees=3)
    folder = place_of("ae_rf", tmp_path / "tiny")
    assert len(load_surrogate("ae_rf", subject.bundle).forest.estimators_) == 3
    assert read_card(folder).checksums[FOREST_FILE] == file_digest(folder / FOREST_FILE)
    assert N_INPUTS == 20 * LATENT
