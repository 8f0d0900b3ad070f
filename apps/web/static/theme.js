// Sets the theme before the first paint: the person's choice, else the system's. The browser's own bars follow.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const choice = () => {
    try {
      return localStorage.getItem("meshwork-theme");
    } catch {
      return null;
    }
  };
  const root = document.documentElement;
  const bars = { light: "#ffffff", dark: "#171f1c" };
  const colour = () => {
    for (const meta of document.querySelectorAll('meta[name="theme-color"]')) {
      meta.content = bars[root.dataset.theme];
    }
  };
  const apply = () => {
    root.dataset.theme = choice() ?? (dark.matches ? "dark" : "light");
  };
  apply();
  colour();
  new MutationObserver(colour).observe(root, { attributeFilter: ["data-theme"] });
  dark.addEventListener("change", apply);
})();
