/** What the page asks of the layout's worker: pairs of x, y and pairs of indices. */
export interface LayoutAsk {
  run: number;
  positions: Float32Array<ArrayBuffer>;
  links: Uint32Array<ArrayBuffer>;
  /** Whether most nodes have a place already, that should change little. */
  settled: boolean;
}

export interface LayoutAnswer {
  run: number;
  positions: Float32Array<ArrayBuffer>;
  done: boolean;
  ms: number;
}
