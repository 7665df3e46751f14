/** Reads the service's OpenAPI description far enough to draw a form from it. */

export interface FieldSpec {
  name: string;
  type: 'string' | 'integer' | 'number' | 'boolean' | 'object' | 'array' | 'unknown';
  title: string;
  description: string;
  default?: unknown;
  required: boolean;
  choices?: string[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
}

type Node = Record<string, unknown>;

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Follows `$ref` and takes the part of a union that is not null; what stands beside it (title, default) wins. */
function resolve(document: Node, node: Node, depth = 0): Node {
  if (depth > 20) {
    return {};
  }
  const { $ref, anyOf, oneOf, allOf, ...own } = node;
  const union = [anyOf, oneOf, allOf].find(Array.isArray) as unknown[] | undefined;
  let base: Node = {};
  if (typeof $ref === 'string' && $ref.startsWith('#/')) {
    let target: unknown = document;
    for (const part of $ref.slice(2).split('/')) {
      target = isNode(target) ? target[part.replace(/~1/g, '/').replace(/~0/g, '~')] : undefined;
    }
    base = isNode(target) ? resolve(document, target, depth + 1) : {};
  } else if (union) {
    const part = union.filter(isNode).find(p => p.type !== 'null');
    base = part ? resolve(document, part, depth + 1) : {};
  }
  return { ...base, ...own };
}

const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The fields of a named schema in the order in which the service lists them; empty if there is no such schema. */
export function fieldsOf(document: unknown, schema: string): FieldSpec[] {
  if (!isNode(document)) {
    return [];
  }
  const root = resolve(document, { $ref: `#/components/schemas/${schema}` });
  const required = Array.isArray(root.required) ? root.required : [];
  const properties = isNode(root.properties) ? root.properties : {};
  return Object.entries(properties)
    .filter((entry): entry is [string, Node] => isNode(entry[1]))
    .map(([name, raw]) => {
      const node = resolve(document, raw);
      const type = text(node.type) as FieldSpec['type'];
      return {
        name,
        type: ['string', 'integer', 'number', 'boolean', 'object', 'array'].includes(type) ? type : 'unknown',
        title: text(node.title) || name,
        description: text(node.description),
        default: node.default,
        required: required.includes(name),
        choices: Array.isArray(node.enum) ? node.enum.map(String) : undefined,
        minimum: number(node.minimum),
        maximum: number(node.maximum),
        maxLength: number(node.maxLength)
      };
    });
}

/** A field of the form; the fallback's texts stand in when the description could not be had. */
export function field(specs: FieldSpec[], fallback: Partial<FieldSpec> & { name: string }): FieldSpec {
  const base: FieldSpec = {
    type: 'string',
    title: fallback.name,
    description: '',
    required: false,
    ...fallback
  };
  return specs.find(s => s.name === fallback.name) ?? base;
}

/** What is wrong with a field's text by the schema's limits, or empty. The service checks again. */
export function checkText(spec: FieldSpec, value: string): string {
  if (value.trim() === '') {
    return spec.required ? 'is needed' : '';
  }
  if (spec.type === 'integer' || spec.type === 'number') {
    const n = Number(value);
    if (!Number.isFinite(n) || (spec.type === 'integer' && !Number.isInteger(n))) {
      return spec.type === 'integer' ? 'must be a whole number' : 'must be a number';
    }
    if (spec.minimum !== undefined && n < spec.minimum) {
      return `must be at least ${spec.minimum}`;
    }
    if (spec.maximum !== undefined && n > spec.maximum) {
      return `must be at most ${spec.maximum}`;
    }
  }
  if (spec.maxLength !== undefined && value.length > spec.maxLength) {
    return `must have at most ${spec.maxLength} characters`;
  }
  return '';
}

/** A field's text as the JSON value that the schema asks for. */
export function typedValue(spec: FieldSpec, value: string): unknown {
  switch (spec.type) {
    case 'integer':
    case 'number':
      return Number(value);
    case 'boolean':
      return value === 'true';
    default:
      return value;
  }
}
