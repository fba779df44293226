"""Streamlit's own time: a page with one table and one chart of two bars, and nothing of ours. Run by app.py.

The address chooses: ``?with=table``, ``?with=chart``, both, or neither.
"""

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

WANTED = st.query_params.get_all("with")
if "table" in WANTED:
    st.dataframe(pd.DataFrame({"a": [1]}))
if "chart" in WANTED:
    st.plotly_chart(go.Figure(go.Bar(y=[1, 2])))
st.write("Nothing else")
