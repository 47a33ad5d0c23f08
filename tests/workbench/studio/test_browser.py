"""The studio's frame, in a real browser."""

from playwright.sync_api import expect


def test_an_address_without_a_page_says_so(studio, page, accessible):
    page.goto(f"{studio}/#/nowhere")
    expect(page.get_by_role("alert")).to_contain_text("no page nowhere")
    accessible(page)
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
