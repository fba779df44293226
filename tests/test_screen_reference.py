"""Proteins with too few partners are judged by what they score with training proteins of the model."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from numpy.testing import assert_allclose, assert_array_equal
from screen_samples import contents, sequences, write_fasta
from test_screen_plan import plans
from tiny_bundle import WIDTH, make_bundle

from esm2amp_core.background import Background
from esm2amp_core.bundles import BACKGROUND
from esm2amp_core.embed.cache import FeatureCache
from esm2amp_core.errors import UserError
from esm2amp_core.features import FEATURE_SETS
from esm2amp_core.figures.screen_numbers import find_sticky
from esm2amp_core.predictor import Predictor
from esm2amp_core.progress import Cancelled
from esm2amp_core.screen_files import ScreenFolder
from esm2amp_core.screen_options import ScreenOptions
from esm2amp_core.screen_plan import FEWEST_PARTNERS
from esm2amp_core.screen_proteins import read_screen
from esm2amp_core.screening.reference import REFERENCE, reference_blocks, reference_features
from esm2amp_core.screening.running import REFERENCE_STAGE, run_screen
from esm2amp_core.settings import Settings

OPTIONS = ScreenOptions(block_pairs=250, top=60, reference=30)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The same classifier with 50 reference proteins, with too few, and without; a cache for all."""
    from tiny import make_encoder

    folder = tmp_path_factory.mktemp("reference")
    encoder = make_encoder(folder / "encoder", width=WIDTH)
    tokens = FEATURE_SETS["segments"].tokens
    values = np.random.default_rng(1).normal(0, 1, (50, len(tokens), WIDTH))
    cache = FeatureCache(folder / "cache.sqlite", 100)
    settings = Settings(workspace=folder / "workspace", models=folder, device="cpu", precision="float32")
    made = {}
    for name, n in (("known", 50), ("few", 5), ("without", 0)):
        extras = {BACKGROUND: Background.of(tokens, values[:n]).to_bytes()} if n else None
        make_bundle(folder / name, encoder, "amps", extras=extras)
        made[name] = Predictor.load(name, settings=settings, cache=cache)
    return made


@pytest.fixture(scope="module")
def proteins(tmp_path_factory):
    """Two baits and a library of 25."""
    folder, of = tmp_path_factory.mktemp("proteins"), sequences(27, seed=8)
    bait = write_fasta(folder / "bait.fasta", {name: of[name] for name in ("P0", "P1")})
    return read_screen(write_fasta(folder / "library.fasta", {n: of[n] for n in list(of)[2:]}), bait)


@pytest.fixture(scope="module")
def screen(models, proteins, tmp_path_factory):
    return run_screen(models["known"], proteins, tmp_path_factory.mktemp("screen") / "s", options=OPTIONS)


def test_the_library_is_judged_by_reference_proteins_and_the_baits_by_the_library(models, proteins, screen):
    bundle, facts = models["known"].bundle, screen.proteins.set_index("protein")
    assert facts["background"].tolist() == ["partners"] * 2 + ["reference"] * 25
    assert facts["n_background"].tolist() == [25] * 2 + [30] * 25
    assert facts["n_partners"].tolist() == [25] * 2 + [2] * 25
    # By hand: each library protein with each reference protein, pair by pair.
    features = _embedded(models["known"], proteins)
    reference = reference_features(bundle, OPTIONS)
    assert len(np.unique(reference, axis=0)) == 30
    table = pd.DataFrame({
        name: bundle.logits(np.repeat(features[i : i + 1], 30, axis=0), reference)[0]
        for i, name in enumerate(proteins.names)
    })  # fmt: skip
    library = facts.index[2:]
    assert_allclose(facts.loc[library, "mean_logit"], table[library].mean(), atol=1e-5)
    assert_allclose(facts.loc[library, "sd_logit"], table[library].std(ddof=1), atol=1e-5)
    hits = screen.hits
    m, d = (getattr(table, what)()[hits["protein_b"]].to_numpy() for what in ("mean", "std"))
    assert_allclose(hits["z_b"], (hits["logit"] - m) / d, atol=1e-3)
    of_bait = hits.groupby("protein_a")["logit"]  # every pair is among the hits
    assert len(hits) == 50
    assert_allclose(hits["z_a"], (hits["logit"] - of_bait.transform("mean")) / of_bait.transform("std"),
                    atol=1e-3)
    assert_array_equal(hits["z"], hits[["z_a", "z_b"]].min(axis=1))
    assert screen.summary["n_reference"] == 30 and screen.summary["n_by_reference"] == 25
    assert screen.summary["notes"][0].startswith("25 of 27 proteins have fewer than 20 partners: ")
    assert "scores with 30 reference proteins" in screen.summary["notes"][0]


def _embedded(predictor, proteins):
    from esm2amp_core.embed.pooled import embed_pooled

    features, _ = embed_pooled(proteins.proteins, predictor.embedder)
    return features.select(predictor.bundle.manifest.features)


def test_a_library_protein_that_scores_high_with_everything_is_named(screen):
    proteins = screen.proteins.copy()
    proteins.loc[10, "mean_logit"] = 50.0
    assert find_sticky(proteins, screen.summary["fewest_partners"])["P10"]
    proteins["n_background"] = proteins["n_partners"]
    assert not find_sticky(proteins, screen.summary["fewest_partners"]).any()


@pytest.mark.parametrize(("name", "options"), [("without", OPTIONS), ("few", OPTIONS),
                                               ("known", ScreenOptions(reference=0, top=60))])
def test_without_reference_proteins_it_is_told_that_there_is_no_z(models, proteins, tmp_path, name, options):
    made = run_screen(models[name], proteins, tmp_path / "s", options=options)
    assert made.hits["z_b"].isna().all() and made.hits["z_a"].notna().all()
    assert (made.proteins["background"] == "partners").all()
    assert not (tmp_path / "s" / REFERENCE).exists()
    assert "25 of 27 proteins have fewer than 20 partners, too few for a z-score" in made.summary["notes"][0]


def test_a_screen_stopped_among_the_reference_proteins_goes_on_there(models, proteins, screen, tmp_path):
    def cancel(stage, done, total):
        if stage == REFERENCE_STAGE and done > 240:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_screen(models["known"], proteins, tmp_path / "s", options=OPTIONS, report=cancel)
    scored = {}
    run_screen(models["known"], proteins, tmp_path / "s", options=OPTIONS,
               report=lambda stage, done, total: scored.setdefault(stage, []).append((done, total)))
    assert scored[REFERENCE_STAGE][0] == (240, 750) and scored["Scoring pairs"] == [(50, 50)]
    assert contents(tmp_path / "s") == contents(screen.folder)


def test_scores_with_reference_proteins_are_kept_and_checked_as_others(models, proteins, screen, tmp_path):
    kept = ScreenFolder(screen.folder / REFERENCE)
    assert [part["rows"] for part in kept.manifest["parts"]] == [240, 240, 240, 30]
    first = next(kept.parts()).to_pandas()
    assert set(first["protein_b"]) == {f"reference {i}" for i in range(1, 31)}
    made = run_screen(models["known"], proteins, tmp_path / "s", options=OPTIONS)
    next(made.folder.glob(f"{REFERENCE}/parts/*.parquet")).write_bytes(b"PAR1")
    run_screen(models["known"], proteins, tmp_path / "s", options=OPTIONS)
    assert contents(made.folder) == contents(screen.folder)
    other = ScreenOptions(block_pairs=250, reference=31)
    with pytest.raises(UserError, match="options reference was 30, is now 31"):
        run_screen(models["known"], proteins, tmp_path / "s", options=other)


@pytest.mark.parametrize("wrong", [-1, 19, 201])
def test_a_number_of_reference_proteins_that_cannot_be_is_refused(wrong):
    with pytest.raises(UserError, match=r"reference is .*Choose 20 to 200, or 0"):
        ScreenOptions(reference=wrong)


@settings(deadline=None)
@given(plans())
def test_reference_blocks_hold_the_proteins_with_too_few_partners_once(plan):
    n_partners = np.zeros(plan.n_proteins, int)
    for block in plan.blocks():
        first, second = block.pairs()
        others = first != second
        np.add.at(n_partners, np.r_[first[others], second[others]], 1)
    blocks = list(reference_blocks(plan, 30))
    assert [block.number for block in blocks] == list(range(len(blocks)))
    found = [pair for block in blocks for pair in zip(*block.pairs(), strict=True)]
    few = np.flatnonzero(n_partners < FEWEST_PARTNERS)
    assert sorted(found) == [(p, plan.n_proteins + r) for p in few for r in range(30)]
    assert all(len(block) <= max(plan.block_pairs, 30) for block in blocks)
    assert plan.n_reference_pairs(30) == len(found)
