package corpus

import "math/rand/v2"

// poolSize is how many things of one kind a planner remembers.
const poolSize = 4096

// pool remembers things to refer to. When it is full, a new one takes the place
// of any other.
type pool[T any] struct{ list []T }

func (q *pool[T]) add(r *rand.Rand, v T) {
	if len(q.list) < poolSize {
		q.list = append(q.list, v)
		return
	}
	q.list[r.IntN(len(q.list))] = v
}

// pick returns something that fits, with its index; a few tries are made.
func (q *pool[T]) pick(r *rand.Rand, fits func(T) bool) (v T, index int, ok bool) {
	for range 8 {
		if len(q.list) == 0 {
			break
		}
		// The newer of two: people care for what is new.
		i := max(r.IntN(len(q.list)), r.IntN(len(q.list)))
		if v := q.list[i]; fits(v) {
			return v, i, true
		}
	}
	return v, 0, false
}

// take is pick for something that is not to be found again.
func (q *pool[T]) take(r *rand.Rand, fits func(T) bool) (T, bool) {
	v, i, ok := q.pick(r, fits)
	if ok {
		last := len(q.list) - 1
		q.list[i] = q.list[last]
		clear(q.list[last:])
		q.list = q.list[:last]
	}
	return v, ok
}
