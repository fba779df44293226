"""How a published model gets onto this machine: commands to copy."""

from __future__ import annotations

import streamlit as st

PUBLISHED = {
    "amps": "ESM2_AMPS, the main model of the paper",
    "amp_cse": "ESM2_AMP_CSE",
    "dpm": "ESM2_DPM",
    "gru": "ESM2_GRU",
}
ENCODER = "facebook/esm2_t33_650M_UR50D"


def show_install() -> None:
    """With internet: one command. Without: copy two files, then one command."""
    st.subheader("Install a published model", anchor=False)
    st.markdown(
        "The models of the ESM2_AMP paper use a much larger language model (650 million parameters) and are "
        "more accurate than the small offline one. Installing one is done in a terminal, once; this page "
        "then lists it. The program's files take about 3 GB of disk."
    )
    online, offline = st.tabs(["This machine has internet", "This machine has no internet"])
    with online:
        name = st.selectbox("Model", PUBLISHED, format_func=lambda name: f"{name}: {PUBLISHED[name]}")
        st.code(f"esm2amp models download {name}", language="bash")
        st.caption(
            "Fetches the checkpoint from figshare and the language model from the Hugging Face hub, shows "
            "licence and citation first, and goes on where it stopped if the line breaks. Nothing else in "
            "this program uses the network, and your sequences are never sent anywhere."
        )
    with offline:
        st.markdown(
            "On a machine with internet, fetch the checkpoint (a `.pth` file of figshare article 28378157) "
            f"and the folder of the language model `{ENCODER}`. Copy both here, then:"
        )
        st.code(
            "esm2amp models import --architecture amps \\\n"
            "    --checkpoint /path/to/checkpoint.pth --encoder /path/to/esm2_t33_650M_UR50D",
            language="bash",
        )
    st.markdown("To see whether an installed model still gives the numbers it was shipped with:")
    st.code("esm2amp models check starter", language="bash")
