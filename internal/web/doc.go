// Package web answers HTTP: it puts requests to trace into the spool and
// shows the reports of the archive. It never touches a running trace.
//
//	GET, POST /api/mtr?ip=203.0.113.7   enqueue; 202 and one line "ID URL"
//	          further: event reason protocol port size tos family
//	          interval rounds max_ttl tag=key=value wait (0-60 seconds)
//	POST      /api/v1/jobs              enqueue, JSON: one job or {"jobs":[…]}
//	GET       /                         who is tracing, the latest reports, the days
//	          /2026/11/23/              the reports of a day, ?before=ID for the next page
//	          /2026/11/23/ID            a report; ID.txt and ID.json for that form
//	          /r/ID                     where a request is: waiting, running, its report
//	          /healthz                  200: this process answers
//	          /readyz                   200: a request made now is traced now
//
// What reads comes as a page, text or JSON, by Accept. What a request to
// /api/mtr gets:
//
//	202  accepted: the job is durable. A second line says when nobody is tracing
//	200  with wait=: the same first line, then the report
//	400  bad-target, bad-parameter, bad-job, bad-body
//	403  foreign-page, unknown-host, not-allowed-from, target-refused
//	405  method-not-allowed (HEAD too: it must not cause a trace)
//	413  too-large    415  unsupported-media
//	503  storage-unavailable    507  spool-full; both with Retry-After
//
// An error is two plain lines, or RFC 9457 problem+json where Accept
// asks for JSON, with the same code:
//
//	mtrq: bad-target: parameter ip is empty
//	hint: in a Zabbix command use {HOST.CONN}: …
//
// Order of the checks, cheapest and most telling first: method, Host,
// Origin, client, parameters, target policy, spool. A request that fails
// one is not looked at further.
package web
