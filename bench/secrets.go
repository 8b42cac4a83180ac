package bench

import (
	"regexp"
	"slices"
	"strings"
)

// Hidden stands in results for a value that is nobody's business: results are passed
// around.
const Hidden = "…"

// Parts of a URL. A password may have an @ in it: the last one ends it.
var (
	urlText   = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"]+`)
	urlUser   = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#]*@`)
	bareUser  = regexp.MustCompile(`^(-*[\w.-]+=)?[^/?#\s"{}@=]*:[^/?#\s"{}]*@`)
	queryText = regexp.MustCompile(`([?&][^=&#]*=)[^&#]*`)
)

// PublicURLs is text with all URLs in it as results may show them: without user and
// password, and without the values of their parameters. Of user:password@host the
// scheme may be missing.
func PublicURLs(text string) string {
	if strings.Contains(text, "://") {
		return urlText.ReplaceAllStringFunc(text, func(u string) string {
			return queryText.ReplaceAllString(urlUser.ReplaceAllString(u, "${1}"+Hidden+"@"), "${1}"+Hidden)
		})
	}
	return bareUser.ReplaceAllString(text, "${1}"+Hidden+"@")
}

// publicServers are servers as a result has them: of what is set in their environment
// the names.
func publicServers(all []ServerSpec) []ServerSpec {
	all = slices.Clone(all)
	for i := range all {
		all[i] = all[i].Public()
	}
	return all
}

// Public is the server as a result has it, without the values of its environment and
// what URLs of its command say of users.
func (s ServerSpec) Public() ServerSpec {
	s.Env, s.Command = slices.Clone(s.Env), slices.Clone(s.Command)
	for i, text := range s.Env {
		if name, _, ok := strings.Cut(text, "="); ok {
			s.Env[i] = name + "=" + Hidden
		}
	}
	for i, word := range s.Command {
		s.Command[i] = PublicURLs(word)
	}
	return s
}
