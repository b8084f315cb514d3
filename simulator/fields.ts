/** One wrong field of a request, and what is wrong with it. */
export interface FieldProblem {
  /** A pointer such as "/amount/total". */
  readonly field: string;
  readonly value: unknown;
  readonly issue: string;
  readonly location: "body" | "query" | "uri" | "header";
}

/**
 * Reads the fields of a request and remembers the first that is wrong, so that a route reads them
 * all in one go and looks at `problem` once. A wrong or absent field reads as "" or 0.
 */
export interface FieldReader {
  text(field: string, rule?: TextRule): string;
  integer(field: string, rule: IntegerRule): number;
  has(field: string): boolean;
  readonly problem: FieldProblem | undefined;
}

export interface TextRule {
  readonly required?: boolean;
  readonly charactersMin?: number;
  readonly charactersMax?: number;
  readonly pattern?: RegExp;
  readonly allowed?: readonly string[];
  /** Any other check: says what is wrong, or nothing. */
  readonly check?: (text: string) => string | undefined;
}

export interface IntegerRule {
  readonly required?: boolean;
  readonly min: number;
  readonly max: number;
}

export function createFieldReader(
  source: unknown,
  location: FieldProblem["location"],
): FieldReader {
  let problem: FieldProblem | undefined;

  function complain(field: string, value: unknown, issue: string): void {
    problem ??= { field, value, issue, location };
  }

  return {
    get problem() {
      return problem;
    },
    has: (field) => valueAt(source, field) !== undefined,
    text(field, rule = {}) {
      const value = valueAt(source, field);
      if (value === undefined || value === null || value === "") {
        if (rule.required === true) complain(field, value ?? null, "is required");
        return "";
      }
      if (typeof value !== "string") {
        complain(field, value, "is not a string");
        return "";
      }
      const issue = issueOfText(value, rule);
      if (issue !== undefined) complain(field, value, issue);
      return value;
    },
    integer(field, rule) {
      const value = valueAt(source, field);
      if (value === undefined && rule.required !== true) return 0;
      if (typeof value !== "number" || !Number.isInteger(value)) {
        complain(field, value ?? null, "is not an integer");
        return 0;
      }
      if (value < rule.min || value > rule.max)
        complain(field, value, `is not between ${rule.min} and ${rule.max}`);
      return value;
    },
  };
}

function issueOfText(text: string, rule: TextRule): string | undefined {
  const characterCount = [...text].length;
  const { charactersMin = 1, charactersMax = 1_000 } = rule;
  if (characterCount < charactersMin || characterCount > charactersMax)
    return `has ${characterCount} characters, not ${charactersMin} to ${charactersMax}`;
  if (rule.pattern !== undefined && !rule.pattern.test(text))
    return `does not match ${rule.pattern.source}`;
  if (rule.allowed !== undefined && !rule.allowed.includes(text))
    return `is none of ${rule.allowed.join(", ")}`;
  return rule.check?.(text);
}

/** Follows a pointer such as "/amount/total". */
function valueAt(source: unknown, field: string): unknown {
  let value = source;
  for (const name of field.split("/").slice(1)) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
  }
  return value;
}
