// What the pages do more where scripts run: keys, and news without a
// reload. Everything here has a visible link or works without it.
"use strict";

(() => {
	const $ = (selector, from = document) => from.querySelector(selector);
	const all = (selector, from = document) => [...from.querySelectorAll(selector)];

	const typing = (e) => e.ctrlKey || e.metaKey || e.altKey || e.isComposing ||
		e.target.closest("input, select, textarea, [contenteditable], dialog") !== null;

	// Rows: the link of each row that has the class "key".
	const move = (step) => {
		const links = all("[data-rows] a.key");
		if (links.length === 0) {
			return;
		}
		const row = document.activeElement.closest("[data-rows] tr");
		const at = row ? links.indexOf($("a.key", row)) : -1;
		const to = at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + step, 0), links.length - 1);
		links[to].focus();
		links[to].scrollIntoView({ block: "nearest" });
	};
	const follow = (rel) => {
		const a = $(`a[rel="${rel}"]`);
		if (a) {
			a.click();
		}
	};

	const help = async () => {
		let d = $("#keys-dialog");
		if (!d) {
			const page = await ask("/help");
			const keys = page && $("dl.keys", page);
			if (!keys) {
				location.href = "/help";
				return;
			}
			d = document.createElement("dialog");
			d.id = "keys-dialog";
			d.setAttribute("aria-labelledby", "keys-title");
			const title = document.createElement("h2");
			title.id = "keys-title";
			title.textContent = $("section h2", page).textContent;
			const close = document.createElement("button");
			close.textContent = keys.dataset.close;
			close.addEventListener("click", () => d.close());
			d.append(title, document.adoptNode(keys), close);
			d.addEventListener("click", (e) => e.target === d && d.close());
			document.body.append(d);
		}
		d.showModal();
	};

	document.addEventListener("keydown", (e) => {
		if (e.key === "Escape" && e.target.matches(".search input")) {
			e.target.blur();
		}
		if (typing(e)) {
			return;
		}
		const does = {
			j: () => move(1), k: () => move(-1),
			h: () => follow("prev"), l: () => follow("next"),
			"/": () => $(".search input").focus(), "?": help,
		}[e.key];
		if (does) {
			e.preventDefault();
			does();
		}
	});
	$("[data-help]").addEventListener("click", (e) => {
		if (!e.ctrlKey && !e.metaKey && !e.shiftKey) {
			e.preventDefault();
			help();
		}
	});

	// The command of this page, one click away; where a page may not write
	// to the clipboard, the command is selected by a click on it.
	const code = $("footer .curl code");
	if (navigator.clipboard && code) {
		const b = document.createElement("button");
		b.type = "button";
		b.textContent = code.dataset.copy;
		b.addEventListener("click", async () => {
			await navigator.clipboard.writeText(code.textContent);
			b.textContent = code.dataset.copied;
			setTimeout(() => { b.textContent = code.dataset.copy; }, 1500);
		});
		code.after(b);
	}

	// News. The stream only says that something changed; the page asks for
	// itself and takes over the parts that differ, so that what has the
	// focus keeps it and what is being read does not move.
	const ask = async (url) => {
		const answer = await fetch(url, { headers: { Accept: "text/html" }, cache: "no-cache" });
		if (!answer.ok && answer.status !== 304) {
			return null;
		}
		if (answer.redirected && url === location.href) {
			location.replace(answer.url); // a trace that has ended has its own place
			return null;
		}
		return new DOMParser().parseFromString(await answer.text(), "text/html");
	};
	const focused = (part) => {
		const a = document.activeElement;
		return part.contains(a) && a.getAttribute("href") ? a.getAttribute("href") : null;
	};
	const adopt = (page) => {
		if (all("[data-live-part]").some((part) => !page.getElementById(part.id))) {
			$("main").replaceWith(document.adoptNode($("main", page))); // another page by now
			document.title = page.title;
			return;
		}
		for (const part of all("[data-live-part]")) {
			const news = page.getElementById(part.id);
			if (!news || news.innerHTML === part.innerHTML) {
				continue;
			}
			const href = focused(part);
			const opened = all("details", part).map((d) => d.open);
			part.replaceChildren(...[...news.childNodes].map((n) => document.adoptNode(n)));
			all("details", part).forEach((d, i) => { d.open = opened[i] ?? d.open; });
			const again = href && all("a", part).find((a) => a.getAttribute("href") === href);
			if (again) {
				again.focus({ preventScroll: true });
			}
		}
		document.title = page.title;
	};
	const topic = document.body.dataset.live;
	if (topic && window.EventSource) {
		let busy = false, more = false;
		const refresh = async () => {
			if (busy) {
				more = true;
				return;
			}
			busy = true;
			try {
				const page = await ask(location.href);
				if (page) {
					adopt(page);
					if (!page.body.dataset.live) {
						stream.close(); // it is over: nothing more will come
					}
				}
			} catch {
				// The server is away: the stream says when it is back.
			}
			busy = false;
			if (more) {
				more = false;
				setTimeout(refresh, 1000);
			}
		};
		const stream = new EventSource("/events" + (topic === "home" ? "" : "?" + topic));
		stream.addEventListener("changed", refresh);
		stream.addEventListener("error", () => {
			if (stream.readyState === EventSource.CLOSED) { // refused: ask now and then instead
				setInterval(refresh, 1000 * (Number(document.body.dataset.refresh) || 10));
			}
		});
		addEventListener("pagehide", () => stream.close());
	}
})();
