package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/mtrq/mtrq/internal/web/words"
)

// langCookie keeps the language that a reader has chosen.
const langCookie = "mtrq_lang"

// langOf is the language of an answer: the one chosen with the switch,
// else the one that Accept-Language likes best (RFC 9110, section
// 12.5.4), else English.
func langOf(r *http.Request) words.Lang {
	if c, err := r.Cookie(langCookie); err == nil {
		if l, ok := words.Parse(c.Value); ok {
			return l
		}
	}
	best, most := words.All[0], 0.0
	for i, part := range strings.Split(strings.Join(r.Header.Values("Accept-Language"), ","), ",") {
		if i == maxAcceptRanges {
			break
		}
		name, params, _ := strings.Cut(part, ";")
		q := 1.0
		if s, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(s, 64); err != nil || !(q >= 0 && q <= 1) {
				continue
			}
		}
		if l, ok := words.Parse(name); ok && q > most {
			best, most = l, q
		}
	}
	return best
}

// chooseLang answers /lang/zh?to=/2026/11/23/: it keeps the choice and
// leads back.
func (s *site) chooseLang(w http.ResponseWriter, r *http.Request) {
	l, ok := words.Parse(r.PathValue("lang"))
	if !ok {
		s.notFound(w, r)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: langCookie, Value: string(l), Path: "/", MaxAge: 400 * 24 * 3600,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil})
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, backTo(r.URL.Query().Get("to")), http.StatusSeeOther)
}

// backTo is a path of this server, whatever was asked for: browsers read
// "//evil.example" and "/\evil.example" as another one.
func backTo(to string) string {
	to = plainURL(to)
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, "/%5C") || len(to) > 2000 {
		return "/"
	}
	return to
}
