package ship

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxPorts bounds the ports of a definition: each is waited for.
const maxPorts = 1_000

// A portRange is ports of one protocol.
type portRange struct {
	first, last uint16
	udp         bool
}

// parseRange reads 80, 80/tcp, 53/udp and 8000-8010.
func parseRange(text string) (portRange, error) {
	numbers, proto, _ := strings.Cut(text, "/")
	var r portRange
	switch strings.ToLower(proto) {
	case "", "tcp":
	case "udp":
		r.udp = true
	default:
		return r, fmt.Errorf("%s: the protocols are tcp and udp", quoted(text))
	}
	from, to, ranged := strings.Cut(numbers, "-")
	if !ranged {
		to = from
	}
	first, err1 := strconv.ParseUint(from, 10, 16)
	last, err2 := strconv.ParseUint(to, 10, 16)
	if err1 != nil || err2 != nil || first == 0 || last < first {
		return r, fmt.Errorf("%s is not a port (1 to 65535) or a range such as 8000-8010", quoted(text))
	}
	r.first, r.last = uint16(first), uint16(last)
	return r, nil
}

// addTo puts the ports that aren't there yet into the lists.
func (r portRange) addTo(tcp, udp *[]uint16) error {
	list := tcp
	if r.udp {
		list = udp
	}
	if int(r.last)-int(r.first)+len(*tcp)+len(*udp) >= maxPorts {
		return fmt.Errorf("more than %d ports", maxPorts)
	}
	for p := int(r.first); p <= int(r.last); p++ {
		if !slices.Contains(*list, uint16(p)) {
			*list = append(*list, uint16(p))
		}
	}
	return nil
}

// expose takes an EXPOSE, whose words the parser would sort. HOST:GUEST is
// smolBSD's way to publish a port.
func (e *evaluator) expose() error {
	w := e.words()
	for _, word := range strings.Fields(e.in.rest()) {
		specs, err := w.many(word)
		if err != nil {
			return err
		}
		if len(specs) == 0 {
			return fmt.Errorf("EXPOSE %s is empty", word)
		}
		for _, spec := range specs {
			if err := e.exposeOne(spec); err != nil {
				return fmt.Errorf("EXPOSE %w", err)
			}
		}
	}
	return nil
}

func (e *evaluator) exposeOne(spec string) error {
	guest := spec
	host, behind, mapped := strings.Cut(spec, ":")
	if mapped {
		guest = behind
		pair, err := publishPair(host, behind)
		if err != nil {
			return err
		}
		e.publish(pair)
	}
	r, err := parseRange(guest)
	if err != nil {
		return err
	}
	return r.addTo(&e.cfg.Expose, &e.cfg.ExposeUDP)
}

// publish adds a pair that isn't there yet.
func (e *evaluator) publish(pair string) {
	if !slices.Contains(e.cfg.Publish, pair) {
		e.cfg.Publish = append(e.cfg.Publish, pair)
	}
}

// publishPair checks HOST and GUEST and returns "HOST:GUEST".
func publishPair(host, guest string) (string, error) {
	bad := fmt.Errorf("%s: not HOST:GUEST, two ports such as 8080:80", quoted(host+":"+guest))
	g, err := parseRange(guest)
	if err != nil || g.first != g.last {
		return "", bad
	}
	if g.udp {
		return "", errors.New("only TCP ports can be published")
	}
	h, err := strconv.ParseUint(host, 10, 16)
	if err != nil || h == 0 {
		return "", bad
	}
	return fmt.Sprintf("%d:%d", h, g.first), nil
}

// publishList reads smolBSD's "8881:8880,2289:22".
func publishList(text string) ([]string, error) {
	var pairs []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		host, guest, ok := strings.Cut(word, ":")
		if !ok {
			host, guest = word, word
		}
		pair, err := publishPair(host, guest)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(pairs, pair) {
			pairs = append(pairs, pair)
		}
	}
	return pairs, nil
}
