"""From a list of protein pairs to a job."""

import streamlit as st

from pages.components.inputs import choose_source
from pages.components.page import page
from pages.components.reading import read_source
from pages.components.review import show_review
from pages.components.submit import show_submit

with page("Predict") as workspace:
    st.title("Do these proteins interact?", anchor=False)
    st.markdown(
        "Give pairs of proteins with their sequences. For each pair you get the probability that the two "
        "interact, predicted by ESM2_AMP. Nothing leaves this machine."
    )
    source = choose_source(workspace.settings)
    draft = read_source(source, workspace.settings)
    if draft is not None:
        show_review(draft)
        if draft.pairs is not None:
            show_submit(workspace, draft)
