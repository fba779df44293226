"""How a published model gets onto this machine: a button, or commands to copy."""

from __future__ import annotations

import streamlit as st

from esm2amp_core.bundles import ARCHITECTURE_TITLES, PUBLISHED_ARCHITECTURES, PUBLISHED_ENCODER
from esm2amp_core.errors import UserError
from esm2amp_core.kinds import DOWNLOAD
from esm2amp_core.workspace import Workspace
from pages.components import state
from pages.components.job_status import show_status
from pages.components.page import show_user_error


def show_install(workspace: Workspace) -> None:
    """With internet: a button. Without: copy two files, then one command."""
    st.subheader("Install a published model", anchor=False)
    st.markdown(
        "The models of the ESM2_AMP paper read proteins with a language model of 650 million parameters, 200 "
        "times as large as that of the small offline model, whose card shows how it did on test pairs. A "
        "published model takes about 3 GB of disk. Once installed, it is listed above and can be chosen on "
        "the Predict page."
    )
    online, offline = st.tabs(["This machine has internet", "This machine has no internet"])
    with online:
        _show_download(workspace)
    with offline:
        _show_import()
    st.markdown("To see whether an installed model still gives the numbers it was shipped with:")
    st.code("esm2amp models check starter", language="bash")


def _show_download(workspace: Workspace) -> None:
    name = st.selectbox("Model", PUBLISHED_ARCHITECTURES, format_func=ARCHITECTURE_TITLES.__getitem__)
    if st.button("Install this model", icon=":material/download:", help="Shows licence and citation first."):
        _ask_terms(workspace, name)
    if terms := state.get_terms(name):
        with st.container(border=True):
            st.text(terms)
            if st.button("Accept, download and install", type="primary"):
                workspace.submit_download(name)
                state.drop_terms()
                st.rerun()
    if newest := workspace.jobs.list(kind=DOWNLOAD, limit=1):
        show_status(workspace, newest[0])
    st.markdown("The same in a terminal:")
    st.code(f"esm2amp models download {name}", language="bash")
    st.caption(
        f"The checkpoint comes from figshare, the language model {PUBLISHED_ENCODER} from the Hugging Face "
        "hub. An interrupted download goes on where it stopped. Beside this, the network is used only "
        "where you ask for it, for regions and structures; your sequences are never sent anywhere."
    )


def _ask_terms(workspace: Workspace, name: str) -> None:
    try:
        with st.spinner("Asking figshare …"):
            state.keep_terms(name, workspace.published_terms(name))
    except UserError as error:
        show_user_error(error)


def _show_import() -> None:
    st.markdown(
        "On a machine with internet, fetch the checkpoint (a `.pth` file of figshare article 28378157) "
        f"and the folder of the language model `{PUBLISHED_ENCODER}`. Copy both here, then:"
    )
    st.code(
        "esm2amp models import --architecture amps \\\n"
        "    --checkpoint /path/to/checkpoint.pth --encoder /path/to/esm2_t33_650M_UR50D",
        language="bash",
    )
