"""The box that chooses a pair, run by Streamlit without a browser."""

from streamlit.testing.v1 import AppTest


def page():
    import streamlit as st

    from pages.components.pair_choice import ROW, choose_from

    row = int(st.query_params.get(ROW, "1"))
    choose_from(range(1, 1201), row, words=lambda row: f"Row {row}", key="pair")


def opened(row: str) -> AppTest:
    app = AppTest.from_function(page)
    app.query_params["row"] = row
    return app.run()


def test_a_thousand_pairs_are_listed_and_the_address_reaches_the_others():
    app = opened("1100")
    box = app.selectbox(key="pair")
    assert box.value == 1100 and len(box.options) == 1001 and box.options[-1] == "Row 1100"
    assert "The first 1,000 of 1,200 pairs" in app.caption[0].value
    assert len(opened("7").selectbox(key="pair").options) == 1000


def test_what_is_picked_stands_in_the_address():
    app = opened("7")
    app.selectbox(key="pair").set_value(9).run()
    assert app.query_params["row"] in ("9", ["9"]) and app.selectbox(key="pair").value == 9
