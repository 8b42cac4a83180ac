package sio

import (
	"context"
	"iter"
	"reflect"

	sjson "github.com/e6a90ca8/sio/codec/json"
)

// An Event is an event with one argument of type T. It is a string type, so events
// can be constants, in a package that both sides of a test use:
//
//	const Say sio.Event[Chat] = "say"
type Event[T any] string

// On adds a handler. An argument that is missing, or not a T, is an error of the
// event: see [Handler].
func (e Event[T]) On(r Registrar, h func(s *Socket, v T) error, opts ...HandlerOption) {
	pretouch[T]()
	register(r, string(e), h, opts, func(s *Socket, m *Msg) error {
		v, err := arg[T](m, 0)
		if err != nil {
			return err
		}
		return h(s, v)
	})
}

// Off takes back handlers of the socket's own: those given, or all. See [Socket.Off].
func (e Event[T]) Off(s *Socket, hs ...func(s *Socket, v T) error) { off(s, string(e), hs) }

// Emit sends the event. See [Socket.Emit].
func (e Event[T]) Emit(to Sender, v T) error {
	p := Prepare(string(e))
	defer p.Release()
	p.add(codecOf(to), v)
	return to.Send(p)
}

// An Event2 is an event with two arguments.
type Event2[A, B any] string

// On adds a handler.
func (e Event2[A, B]) On(r Registrar, h func(s *Socket, a A, b B) error, opts ...HandlerOption) {
	pretouch[A]()
	pretouch[B]()
	register(r, string(e), h, opts, func(s *Socket, m *Msg) error {
		a, err := arg[A](m, 0)
		if err != nil {
			return err
		}
		b, err := arg[B](m, 1)
		if err != nil {
			return err
		}
		return h(s, a, b)
	})
}

// Off takes back handlers of the socket's own: see [Event.Off].
func (e Event2[A, B]) Off(s *Socket, hs ...func(s *Socket, a A, b B) error) {
	off(s, string(e), hs)
}

// Emit sends the event.
func (e Event2[A, B]) Emit(to Sender, a A, b B) error {
	p := Prepare(string(e))
	defer p.Release()
	p.addAll(codecOf(to), a, b)
	return to.Send(p)
}

// An Event3 is an event with three arguments.
type Event3[A, B, C any] string

// On adds a handler.
func (e Event3[A, B, C]) On(r Registrar, h func(s *Socket, a A, b B, c C) error, opts ...HandlerOption) {
	pretouch[A]()
	pretouch[B]()
	pretouch[C]()
	register(r, string(e), h, opts, func(s *Socket, m *Msg) error {
		a, err := arg[A](m, 0)
		if err != nil {
			return err
		}
		b, err := arg[B](m, 1)
		if err != nil {
			return err
		}
		c, err := arg[C](m, 2)
		if err != nil {
			return err
		}
		return h(s, a, b, c)
	})
}

// Off takes back handlers of the socket's own: see [Event.Off].
func (e Event3[A, B, C]) Off(s *Socket, hs ...func(s *Socket, a A, b B, c C) error) {
	off(s, string(e), hs)
}

// Emit sends the event.
func (e Event3[A, B, C]) Emit(to Sender, a A, b B, c C) error {
	p := Prepare(string(e))
	defer p.Release()
	p.addAll(codecOf(to), a, b, c)
	return to.Send(p)
}

// A Request is an event with an argument of type In that is answered with an Out:
//
//	const Join sio.Request[JoinReq, Seat] = "join"
type Request[In, Out any] string

// Handle adds the handler that answers. Its error is told to the client, see
// [Options.AckError]; a client that does not want an answer gets none. ctx ends with
// the socket.
func (e Request[In, Out]) Handle(r Registrar, h func(ctx context.Context, s *Socket, in In) (Out, error), opts ...HandlerOption) {
	pretouch[In]()
	pretouch[Out]()
	register(r, string(e), h, opts, func(s *Socket, m *Msg) error {
		in, err := arg[In](m, 0)
		if err != nil {
			return err
		}
		return answer(m, func() (Out, error) { return h(s.Context(), s, in) })
	})
}

// Off takes back handlers of the socket's own: see [Event.Off].
func (e Request[In, Out]) Off(s *Socket, hs ...func(ctx context.Context, s *Socket, in In) (Out, error)) {
	off(s, string(e), hs)
}

// Call asks one client. See [Socket.Ask].
func (e Request[In, Out]) Call(ctx context.Context, s *Socket, in In) (Out, error) {
	p := Prepare(string(e))
	defer p.Release()
	p.add(s.encoding(), in)
	return result[Out](s.ask(ctx, p))
}

// CallAll asks everybody meant, and returns their answers as they come. See
// [Target.AskAll].
func (e Request[In, Out]) CallAll(ctx context.Context, to Targeter, in In) iter.Seq2[Out, error] {
	return callAll[Out](ctx, string(e), to, in)
}

// A Targeter is what can be asked as a whole: a [Target], a [*Room], a [*Namespace], and
// so a [*Server].
type Targeter interface{ Target() Target }

// Target is t itself.
func (t Target) Target() Target { return t }

// A Request2 is a request with two arguments.
type Request2[A, B, Out any] string

// Handle adds the handler that answers.
func (e Request2[A, B, Out]) Handle(r Registrar, h func(ctx context.Context, s *Socket, a A, b B) (Out, error), opts ...HandlerOption) {
	pretouch[A]()
	pretouch[B]()
	pretouch[Out]()
	register(r, string(e), h, opts, func(s *Socket, m *Msg) error {
		a, err := arg[A](m, 0)
		if err != nil {
			return err
		}
		b, err := arg[B](m, 1)
		if err != nil {
			return err
		}
		return answer(m, func() (Out, error) { return h(s.Context(), s, a, b) })
	})
}

// Off takes back handlers of the socket's own: see [Event.Off].
func (e Request2[A, B, Out]) Off(s *Socket, hs ...func(ctx context.Context, s *Socket, a A, b B) (Out, error)) {
	off(s, string(e), hs)
}

// Call asks one client.
func (e Request2[A, B, Out]) Call(ctx context.Context, s *Socket, a A, b B) (Out, error) {
	p := Prepare(string(e))
	defer p.Release()
	p.addAll(s.encoding(), a, b)
	return result[Out](s.ask(ctx, p))
}

// CallAll asks everybody meant: see [Request.CallAll].
func (e Request2[A, B, Out]) CallAll(ctx context.Context, to Targeter, a A, b B) iter.Seq2[Out, error] {
	return callAll[Out](ctx, string(e), to, a, b)
}

// A Request3 is a request with three arguments.
type Request3[A, B, C, Out any] string

// Handle adds the handler that answers.
func (e Request3[A, B, C, Out]) Handle(r Registrar, h func(ctx context.Context, s *Socket, a A, b B, c C) (Out, error), opts ...HandlerOption) {
	pretouch[A]()
	pretouch[B]()
	pretouch[C]()
	pretouch[Out]()
	register(r, string(e), h, opts, func(s *Socket, m *Msg) error {
		a, err := arg[A](m, 0)
		if err != nil {
			return err
		}
		b, err := arg[B](m, 1)
		if err != nil {
			return err
		}
		c, err := arg[C](m, 2)
		if err != nil {
			return err
		}
		return answer(m, func() (Out, error) { return h(s.Context(), s, a, b, c) })
	})
}

// Off takes back handlers of the socket's own: see [Event.Off].
func (e Request3[A, B, C, Out]) Off(s *Socket, hs ...func(ctx context.Context, s *Socket, a A, b B, c C) (Out, error)) {
	off(s, string(e), hs)
}

// Call asks one client.
func (e Request3[A, B, C, Out]) Call(ctx context.Context, s *Socket, a A, b B, c C) (Out, error) {
	p := Prepare(string(e))
	defer p.Release()
	p.addAll(s.encoding(), a, b, c)
	return result[Out](s.ask(ctx, p))
}

// CallAll asks everybody meant: see [Request.CallAll].
func (e Request3[A, B, C, Out]) CallAll(ctx context.Context, to Targeter, a A, b B, c C) iter.Seq2[Out, error] {
	return callAll[Out](ctx, string(e), to, a, b, c)
}

// callAll asks everybody meant, and has each answer decoded.
func callAll[Out any](ctx context.Context, event string, to Targeter, args ...any) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		p := Prepare(event)
		defer p.Release()
		t := to.Target()
		p.addAll(t.encoding(), args...)
		t.askAll(ctx, p, func(r *Reply, err error) bool {
			if err != nil {
				var zero Out
				return yield(zero, err)
			}
			return yield(result[Out](r.Msg, nil))
		})
	}
}

// register adds the Handler that was made from h. A socket's own remember h, so that it
// can be taken back.
func register(r Registrar, event string, h any, opts []HandlerOption, run Handler) {
	if s, ok := r.(*Socket); ok {
		s.on(event, &own{run: run, from: h, mode: modeOf(opts)})
		return
	}
	r.On(event, run, opts...)
}

// codecOf is the codec of the server that to belongs to.
func codecOf(to Sender) *sjson.Codec {
	if e, ok := to.(interface{ encoding() *sjson.Codec }); ok {
		return e.encoding()
	}
	return valueCodec // of somebody else's Sender
}

func (s *Socket) encoding() *sjson.Codec    { return s.ns.server.codec }
func (n *Namespace) encoding() *sjson.Codec { return n.server.codec }
func (r *Room) encoding() *sjson.Codec      { return r.ns.server.codec }
func (t Target) encoding() *sjson.Codec     { return t.ns.server.codec }
func (r Remote) encoding() *sjson.Codec     { return r.s.encoding() }

// arg is argument i as a T. The variable that it is read into stays on the stack: only
// what decoded reads goes through reflection, and so to the heap.
func arg[T any](m *Msg, i int) (v T, err error) {
	if m.codec().Engine != nil { // Options.JSON has a say in everything
		return decoded[T](m, i)
	}
	switch p := any(&v).(type) {
	case *string:
		*p, err = m.Str(i)
	case *bool:
		*p, err = m.Bool(i)
	case *int64:
		*p, err = m.Int(i)
	case *float64:
		*p, err = m.Float(i)
	case *[]byte:
		*p, err = m.bytes(i)
	case *Binary:
		*p, err = m.bytes(i)
	default:
		return decoded[T](m, i)
	}
	return v, err
}

// decoded is argument i as a T, whatever that is.
func decoded[T any](m *Msg, i int) (v T, err error) {
	if m.Decode(i, &v) != nil {
		err = BadArg(i)
	}
	return v, err
}

// bytes is argument i, a buffer or a string in base64, copied.
func (m *Msg) bytes(i int) ([]byte, error) {
	if b, ok := m.Binary(i); ok {
		return append(make([]byte, 0, len(b)), b...), nil
	}
	var b []byte
	if m.Decode(i, &b) != nil {
		return nil, BadArg(i)
	}
	return b, nil
}

// answer acknowledges m with what f returns.
func answer[Out any](m *Msg, f func() (Out, error)) error {
	out, err := f()
	if err != nil {
		return err
	}
	if !m.WantsAck() {
		return nil
	}
	p := newAck()
	defer p.Release()
	p.add(m.codec(), out)
	return m.ackPacket(p)
}

// result is the first argument of an answer as an Out.
func result[Out any](m *Msg, err error) (Out, error) {
	if err != nil {
		var zero Out
		return zero, err
	}
	if m.Len() == 0 {
		var zero Out
		return zero, nil
	}
	return arg[Out](m, 0)
}

// pretouch prepares the JSON engine for a type when its handler is registered: the
// first use of a type costs milliseconds, which no event loop has.
func pretouch[T any]() { _ = sjson.Pretouch(reflect.TypeFor[T]()) }
