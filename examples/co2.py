"""A small real job: read a table from a page, fit a line, draw it. None of the packages it uses need be installed.

Run it with ``python examples/co2.py OUTPUT_DIRECTORY``.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "agg")

import load

load.enable_auto_print()
here = Path(__file__).parent

# A module whose distribution has another name: yaml comes from PyYAML, bs4 from beautifulsoup4.
job = load.yaml.safe_load((here / "data/co2.yaml").read_text())
page = load.bs4.BeautifulSoup((here / "data" / job["table"]).read_text(), "html.parser")
rows = [[float(cell.text) for cell in row.find_all("td")] for row in page.find_all("tr")[1:]]

# Several at once are resolved and installed in one transaction.
np, pd, plt = load.import_aliases("np=numpy", "pd=pandas", "plt=matplotlib.pyplot")
trend = load(here / "trend.py")

frame = pd.DataFrame(rows, columns=[job["x"], job["y"]])
slope, intercept = trend.fit(frame[job["x"]], frame[job["y"]])
print(
    f"\n{len(frame)} years, {frame[job['y']].iloc[-1] - frame[job['y']].iloc[0]:+.1f} ppm in all, {slope:+.2f} ppm a year\n"
)

plt.plot(frame[job["x"]], frame[job["y"]], "o", label=job["y"])
plt.plot(frame[job["x"]], slope * frame[job["x"]] + intercept, label=f"{slope:+.2f} a year")
plt.title(job["title"])
plt.legend()
plot = Path(sys.argv[1]) / job["plot"]
plt.savefig(plot)
print(f"wrote {plot} ({plot.stat().st_size:,} bytes)\n")

# A look-alike is refused before anything is asked or fetched: the third letter but one is Cyrillic.
try:
    load("numрy")
except load.LoadError as error:
    print(f"refused: {error}\n")

print(load.report())
