// Scales of the y axis: `at(value)` from 0 (bottom) to 1 (top), and the ticks with their texts.

// Zero to `most` and a little over, in round steps.
export const linear = (most, text) => between(0, most, text);

// `least` to `most` and a little over on both sides, in round steps.
export function between(least, most, text) {
  const step = roundStep((most - least) / 5);
  const first = Math.floor(least / step + 1e-9);
  const steps = Math.max(1, Math.ceil(most / step - 1e-9) - first);
  const ticks = Array.from({ length: steps + 1 }, (_, index) => (first + index) * step).map(value => ({ value, text: text(value) }));
  return { at: value => (value / step - first) / steps, ticks };
}

// The round values from `least` to `most`, about so many.
export function within(least, most, about) {
  const step = roundStep((most - least) / about);
  const first = Math.ceil(least / step - 1e-9);
  return Array.from({ length: Math.floor(most / step + 1e-9) - first + 1 }, (_, index) => (first + index) * step);
}

// Powers of ten from `least` to `most`, both above zero; 2 and 5 have ticks too where there are few decades.
export function logarithmic(least, most, text) {
  const steps = [];
  for (let decade = Math.floor(Math.log10(least)); decade <= Math.log10(most) + 1; decade++) {
    for (const digit of [1, 2, 5]) steps.push(digit * 10 ** decade);
  }
  const low = steps.findLast(step => step <= least);
  const high = steps.find(step => step >= most && step > low);
  const from = Math.log10(low);
  const length = Math.log10(high) - from;
  const ticks = steps.filter(step => step >= low && step <= high && (length < 1.6 || isPowerOfTen(step)));
  return { at: value => (Math.log10(value) - from) / length, ticks: ticks.map(value => ({ value, text: text(value) })) };
}

// Counts from 0 to `most`: powers of ten, with zero half a decade below one, so that a single thing is seen.
export function logarithmicCounts(most, text) {
  const decades = Math.max(1, Math.log10(most));
  const every = decades > 6 ? 2 : 1;
  const ticks = [{ value: 0, text: "0" }];
  for (let decade = 0; decade <= decades; decade += every) ticks.push({ value: 10 ** decade, text: text(10 ** decade) });
  return { at: value => (value < 1 ? 0 : (Math.log10(value) + 0.5) / (decades + 0.5)), ticks };
}

function roundStep(rough) {
  if (!(rough > 0)) return 1;
  const decade = 10 ** Math.floor(Math.log10(rough));
  return decade * [1, 2, 2.5, 5, 10].find(step => step * decade >= rough - 1e-12);
}

const isPowerOfTen = value => Number.isInteger(Math.round(Math.log10(value) * 1e9) / 1e9);
