// Package web answers HTTP: it puts requests to trace into the spool and
// shows the reports of the archive. It never touches a running trace.
//
//	GET, POST /api/mtr?ip=203.0.113.7   enqueue; 202 and one line "ID URL"
//	          further: event reason protocol port size tos family coalesce
//	          interval rounds max_ttl tag=key=value wait (0-60 seconds);
//	          POST: also a form, or a list of targets, one a line
//	POST      /api/v1/jobs              enqueue, JSON: one job or {"jobs":[…]}; form, list
//	GET       /api/v1/…                 jobs/ID days days/2026-11-23 reports/ID incidents
//	                                    targets openapi.json, which has every route
//	          /                         wrong now, the year, the worst and the latest
//	          /2026/11/23/              the reports of a day; filters: see listParams
//	          /2026/11/23.csv           the same list; .txt and .json too
//	          /2026/11/23/ID            a report; ID.txt, ID.json and ID.svg for that form
//	          /2026/11/23/ID/older      leads to the one before of its target; newer likewise
//	          /events                   server-sent: what an open page shows has changed
//	          /lang/zh?to=/2026/11/23/  chooses a language and leads back
//	          /r/ID                     where a request is: waiting, running, its report
//	          /today                    leads to the day that it is
//	          /healthz                  200: this process answers
//	          /readyz                   200: a request made now is traced now
//	          /metrics                  for Prometheus
//
// What reads comes as a page, text or JSON, by Accept. What a request to
// trace gets:
//
//	202  accepted: the job is durable. A second line says when nobody is tracing
//	200  with wait=: the same first line, then the report
//	400  bad-target, bad-parameter, bad-job, bad-body
//	401  token-needed
//	403  foreign-page, unknown-host, not-allowed-from, target-refused
//	405  method-not-allowed (HEAD too: it must not cause a trace)
//	413  too-large    415  unsupported-media
//	429  too-many-jobs, too-many-guesses
//	503  storage-unavailable, too-busy    507  spool-full
//
// What reads has these beside 400, 401, 405 and 503:
//
//	403  not-read-from, unknown-host    404  not-found    410  job-bad
//	503  newer-format, too-busy; of /readyz: not-tracing
//
// 429, 503 and 507 carry Retry-After. An error is two plain lines, or
// RFC 9457 problem+json where Accept asks for JSON, with the same code:
//
//	mtrq: bad-target: parameter ip is empty
//	hint: in a Zabbix command use {HOST.CONN}: …
//
// Order of the checks, cheapest and most telling first: method, Host,
// Origin, client or token, parameters, target policy, rate, spool. A
// request that fails one is not looked at further.
//
// What a stranger can use up:
//
//	connections    2,000 and at most half of the open files; the longest silent
//	               makes room, and while all are being answered a new one gets 503
//	a header       5 s, 16 KiB; a whole request 15 s; a silent connection 60 s
//	a body         64 KiB; lists and JSON 1 MiB, of which 8 are read at a time
//	waiting        1,000 requests; more are answered at once
//	writing        1,024 requests; more get 503
//	making pages   2 to 4 at a time, as there are processors, each page once for
//	               all who ask; who waits for 15 s gets 503
//	jobs           client_rate and client_burst for each client (an IPv6 /64 is one)
//	wrong tokens   10, then one in 6 s
//	memory of it   4,096 clients
package web
