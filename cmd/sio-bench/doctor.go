package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/e6a90ca8/sio/bench"
	"github.com/e6a90ca8/sio/bench/doctor"
)

type doctorCommand struct {
	URL   string `arg:"" optional:"" help:"The server, to see whether it answers and how far away it is." placeholder:"URL"`
	Path  string `default:"/socket.io/" help:"Path of the Engine.IO server (${default})." placeholder:"PATH"`
	Conns int    `short:"c" default:"10000" help:"Connections that you want (${default})." placeholder:"N"`
	JSON  string `short:"j" help:"Write the findings as JSON to FILE, or with - to standard output." placeholder:"FILE"`
}

func (*doctorCommand) Help() string {
	return `Looks at what bounds the number of connections here, and at what would disturb figures: descriptors, ports,
queues, memory, conntrack, the processors' speed, limits of containers, other load. It changes nothing.
Exit code 1 if there is a problem.

Examples:
  sio-bench doctor
  sio-bench doctor :3000 -c 100000
  sio-bench doctor https://chat.example --path /live/
  sio-bench doctor --json -`
}

func (c *doctorCommand) Run(a *app) error {
	if c.Conns < 1 {
		return fmt.Errorf("%w: -c must be more than 0", bench.ErrUsage)
	}
	if err := tryFiles(c.JSON); err != nil {
		return err
	}
	m := doctor.Machine{
		Files: os.DirFS("/"), System: runtime.GOOS, Cores: runtime.NumCPU(), Conns: c.Conns,
		IOUring: doctor.ProbeIOUring, Sysctl: doctor.Sysctl, Span: time.Second,
	}
	m.Descriptors, m.DescriptorsHard = doctor.Descriptors()
	var server []doctor.Finding
	if c.URL != "" {
		f, remote, err := askServer(a.ctx, c.URL, c.Path, nil)
		if err != nil {
			return err
		}
		server, m.Remote = append(server, f), remote
	}
	findings := append(server, m.Examine()...)
	var err error
	switch c.JSON {
	case "":
		err = printDiagnosis(a.out, findings, newStyle(a.out))
	case "-":
		err = writeJSON(a.out, findings)
	default:
		if err = printDiagnosis(a.out, findings, newStyle(a.out)); err == nil {
			err = writeFile(c.JSON, func(f *os.File) error { return writeJSON(f, findings) })
		}
	}
	if err != nil {
		return err
	}
	for _, f := range findings {
		if f.Level == doctor.Problem {
			return errFailed
		}
	}
	return nil
}

// askServer connects to a server a few times and asks it for a handshake of polling.
// remote says whether it is on another machine. roots are who is trusted with TLS; nil: as
// the system has it.
func askServer(ctx context.Context, text, path string, roots *x509.CertPool) (f doctor.Finding, remote bool, err error) {
	text = withHost(text)
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return f, false, fmt.Errorf("%w: URL %q: must be like http://host:port", bench.ErrUsage, bench.PublicURLs(text))
	}
	scheme, port := "http", "80"
	switch u.Scheme {
	case "http", "ws":
	case "https", "wss":
		scheme, port = "https", "443"
	default:
		return f, false, fmt.Errorf("%w: URL %q: the scheme must be http, https, ws or wss", bench.ErrUsage, bench.PublicURLs(text))
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	f = doctor.Finding{Name: "server", Level: doctor.Problem, Mend: "start the server, or look at the address"}
	port = cmp.Or(u.Port(), port)
	path = "/" + strings.TrimPrefix(path, "/")
	nearest := time.Hour
	for range 5 {
		began := time.Now()
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
		if err != nil {
			f.Text = err.Error()
			return f, false, nil
		}
		nearest = min(nearest, time.Since(began))
		if addr, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
			ours, _ := netip.AddrFromSlice(conn.LocalAddr().(*net.TCPAddr).IP)
			theirs, _ := netip.AddrFromSlice(addr.IP)
			remote = !doctor.Local(theirs.Unmap()) && ours != theirs
		}
		conn.Close()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+u.Host+path+"?EIO=4&transport=polling", nil)
	if err != nil {
		return f, remote, fmt.Errorf("%w: %w", bench.ErrUsage, err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
	resp, err := client.Do(req)
	if err != nil {
		f.Text = err.Error()
		return f, remote, nil
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	far := fmt.Sprintf("connects in %v", nearest.Round(time.Microsecond))
	if remote {
		far += ", on another machine"
	}
	if resp.StatusCode != http.StatusOK || len(body) == 0 || body[0] != '0' {
		f.Level, f.Mend = doctor.Note, "give its path by --path"
		f.Text = fmt.Sprintf("%s; at %s it answers %s", far, path, resp.Status)
		return f, remote, nil
	}
	if scheme == "https" {
		f.Level, f.Mend = doctor.Problem, "aim at the plain port behind it"
		f.Text = fmt.Sprintf("%s; speaks Engine.IO by TLS, which no scenario does: %s", far, body[1:])
		return f, remote, nil
	}
	f.Level, f.Mend = doctor.OK, ""
	f.Text = fmt.Sprintf("%s; speaks Engine.IO: %s", far, body[1:])
	return f, remote, nil
}

func printDiagnosis(w io.Writer, findings []doctor.Finding, s style) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	problems, notes := 0, 0
	for _, f := range findings {
		switch f.Level {
		case doctor.Problem:
			problems++
		case doctor.Note:
			notes++
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", f.Level, f.Name, inLine(f.Text))
		if f.Mend != "" {
			fmt.Fprintf(t, "\t\t→ %s\n", f.Mend)
		}
	}
	t.Flush()
	for line := range strings.Lines(b.String()) {
		switch {
		case strings.HasPrefix(line, string(doctor.Problem)):
			line = s.red + strings.TrimSuffix(line, "\n") + s.reset + "\n"
		case strings.HasPrefix(line, string(doctor.Note)):
			line = s.yellow + strings.TrimSuffix(line, "\n") + s.reset + "\n"
		}
		if err := s.show(w, line); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n%d problems, %d notes\n", problems, notes)
	return err
}
