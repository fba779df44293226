"""The web app: `esm2amp app`, or `streamlit run app.py`.

Streamlit imports this file once, for the server to start with, and then runs it at every view of a page.
"""

import streamlit as st
from streamlit import runtime

from pages.components.navigation import declare_pages, load_pages

if runtime.exists():
    declare_pages().run()
else:
    load_pages()
    app = st.App(__file__)
