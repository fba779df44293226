"""The web app: `esm2amp app`, or `streamlit run app.py`."""

from pages.components.navigation import declare_pages

declare_pages().run()
